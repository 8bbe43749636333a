"""Which policy needs the fewest replica-hours for the same share of violations. Pure: points in, numbers out.

A policy's curve is the front of its settings: with violations on a logarithmic scale, straight between two of them; it
ends where its settings end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock.simulate.scaling.contest import ENTRANTS, OURS, Point

LEAST = 1e-6
"""Violations below which they are all one."""
LEVELS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in both, by hours."""
    best: list[Point] = []
    for one in sorted(points, key=lambda point: (point.hours, point.violations)):
        if not best or one.violations < best[-1].violations:
            best.append(one)
    return best


def hours_at(points: Sequence[Point], violations: float) -> float | None:
    """Replica-hours for so many violations at most. None where no setting has so few."""
    line = front(points)
    wanted = math.log(max(violations, LEAST))
    before: tuple[float, float] | None = None
    for one in line:
        here = math.log(max(one.violations, LEAST)), one.hours
        if here[0] <= wanted:
            if before is None:
                return here[1]
            part = (before[0] - wanted) / (before[0] - here[0])
            return before[1] + part * (here[1] - before[1])
        before = here
    return None


def by_policy(points: Sequence[Point]) -> dict[str, list[Point]]:
    """In the order in which they were tried."""
    told: dict[str, list[Point]] = {}
    for one in points:
        told.setdefault(one.policy, []).append(one)
    return told


def best_reactive(points: Sequence[Point], violations: float) -> tuple[str, float] | None:
    """Which reactive policy needs the fewest hours there, and how many."""
    found = [
        (hours, name)
        for name, its in by_policy(points).items()
        if ENTRANTS[name].reactive and (hours := hours_at(its, violations)) is not None
    ]
    return (min(found)[1], min(found)[0]) if found else None


def saving(points: Sequence[Point], violations: float, policy: str = OURS) -> float | None:
    """The share of the best reactive policy's hours that ``policy`` saves; below 0 where it needs more."""
    best = best_reactive(points, violations)
    ours = hours_at(by_policy(points).get(policy, []), violations)
    return None if best is None or ours is None else 1.0 - ours / best[1]

"""How many calls of a step are late in a pool: a fluid queue, and what chance adds to it. Pure.

Work that no replica has time for waits, and those behind it as long as the pool takes for it (the fluid part). Below
capacity calls wait by chance: the tail of a queue with many servers in heavy traffic, P(W > t) = exp(-2 (1 - use)
capacity t / variability) (Kingman, Whitt). Costs the same for ten calls a second and for ten millions.
"""

from __future__ import annotations

import math

POINTS = (0.17, 0.5, 0.83)


def late(before: float, came: float, capacity: float, step: float, goal: float, a_call: float, varied: float) -> float:
    """Share of the calls of a step that begin later than ``goal`` seconds. ``before``: work that waits at its
    beginning; ``came``, ``capacity``: work a second; ``a_call``: work of one; ``varied``: sum of the squared variations
    of arrivals and of sizes, 2 where both are by chance."""
    if capacity <= 0:
        return 1.0
    spare = capacity - came
    # Calls a second that it can do, times the spare share: how fast the tail falls.
    fall = 2.0 * max(spare, 0.0) / (a_call * varied) if a_call > 0 else math.inf
    if before <= 0 and spare > 0:
        return math.exp(-fall * goal)
    total = 0.0
    for point in POINTS:
        waits = max(0.0, before - spare * step * point) / capacity
        total += 1.0 if waits >= goal else math.exp(-fall * (goal - waits))
    return total / len(POINTS)

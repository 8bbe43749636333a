"""Between how many replicas a pool may be now: its own bounds, schedules, and what it may cost. Pure.

Enters: time. Leaves: least and most. A schedule's least is asked for a start before it begins, so that they stand when
it does. Where schedules contradict each other, fewer replicas win; the pool's own ``min`` stands always.
"""

from __future__ import annotations

import math

from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.schedule import Schedule

MICRO = 1_000_000


class Bounds:
    """``least`` and ``most``: the pool's own; ``price``: dollars an hour of one replica, 0 where nobody knows."""

    def __init__(self, config: PolicyConfig, least: int, most: int, price: float) -> None:
        self._least, self._most = least, most
        if config.ceiling is not None and price > 0:
            self._most = max(least, min(most, math.floor(config.ceiling / MICRO / price + 1e-9)))
        self._schedules = [
            (Schedule(one.days, one.begin, one.end, one.zone), one.min, one.max) for one in config.schedules
        ]

    def at(self, now: float, starts: float) -> tuple[int, int]:
        """Least and most at ``now``, where a start takes ``starts`` seconds."""
        least, most = self._least, self._most
        for schedule, lower, upper in self._schedules:
            is_now = schedule.is_now(now)
            if lower is not None and (is_now or schedule.is_now(now + starts)):
                least = max(least, lower)
            if upper is not None and is_now:
                most = min(most, upper)
        most = max(self._least, most)
        return min(least, most), most

    def coming(self, now: float) -> tuple[float, int, int] | None:
        """The next moment in a week at which a schedule makes them others, and which; None where none does."""
        before = self.at(now, 0.0)
        edges = sorted({edge for schedule, _, _ in self._schedules for edge in schedule.edges(now)})
        return next(((edge, *bounds) for edge in edges if (bounds := self.at(edge, 0.0)) != before), None)

    def __repr__(self) -> str:
        return f"<Bounds {self._least} to {self._most}, {len(self._schedules)} schedules>"

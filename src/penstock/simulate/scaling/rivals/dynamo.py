"""Dynamo's planner: each 180 s as many replicas as the load of the next window needs, and a floor by the load now.

The next window's load is said by a predictor (``constant``: the last; ``kalman``: level and trend; ``arima``: of
logarithms, without season), fed with the means of whole windows. Each 5 s one more where every replica is above what it
carries, one less where fewer would stay below 80 % of it. Source: ai-dynamo/dynamo docs/components/planner.
"""

from __future__ import annotations

import math

from penstock.scaling.forecast.rivals import Rival
from penstock.scaling.seen import Decision, Seen

WINDOW = 180.0
SENSITIVITY = 0.8


class Dynamo:
    """A Policy. ``target``: use of what a replica carries; ``predictor``: fed once a window."""

    def __init__(self, target: float, predictor: Rival, name: str = "dynamo") -> None:
        self.name = name
        self._target = target
        self._predictor = predictor
        self._sum, self._count = 0.0, 0
        self._due = WINDOW
        self._floor = 0

    def decide(self, seen: Seen) -> Decision:
        """The rule."""
        self._sum += seen.load
        self._count += 1
        carries = seen.carries * self._target
        wanted = seen.wanted
        if seen.at >= self._due:
            self._due = seen.at + WINDOW
            self._predictor.add(self._sum / self._count)
            self._sum, self._count = 0.0, 0
            self._floor = math.ceil(self._predictor.forecast(1) / carries - 1e-9)
            wanted = self._floor
        elif not seen.starting:  # one change at a time: what starts is waited for
            if seen.load > carries * seen.wanted or seen.waiting > seen.ready:
                wanted = seen.wanted + 1
            elif seen.wanted > self._floor and seen.load < SENSITIVITY * carries * (seen.wanted - 1):
                wanted = seen.wanted - 1
        return Decision(seen.at, max(wanted, self._floor), "hold", self.name)

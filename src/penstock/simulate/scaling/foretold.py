"""What our forecaster says of a demand, minute by minute, computed once: no policy changes what comes. Pure.

Enters: a demand. Leaves: at each moment the upper quantiles that a policy asks for, known by what had come until then.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from penstock.scaling.forecast.forecaster import MINUTES, Forecaster
from penstock.scaling.forecast.past import Floats
from penstock.scaling.seen import Upper
from penstock.simulate.scaling.demand import Demand

LEAST = 10
"""Values before which it says nothing."""
MOST_SHARES = 8


SHARES = (0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.9995, 0.9999)
"""Kept; between them it is interpolated."""


class Foretold:
    """``every``: seconds between two values of the forecaster."""

    def __init__(self, demand: Demand, every: float = 60.0) -> None:
        each = max(1, round(every / demand.step))
        self.every = each * demand.step
        number = len(demand.load) // each
        values = demand.load[: number * each].reshape(number, each).mean(axis=1)
        furthest = [one for one in MINUTES if one * 60 >= self.every * 0.999]
        forecaster = Forecaster(self.every, furthest, zeros="real")
        told = []
        for value in values.tolist():
            forecaster.add(value)
            told.append([forecaster.uppers(share) for share in SHARES])
        self._horizons = told[0][0][0].tolist() if told else []
        self._bounds = np.array([[curve for _, curve in each_share] for each_share in told])
        self._curves: dict[float, list[list[float]]] = {}

    def upper(self, now: float) -> Upper | None:
        """What can be asked at ``now``; None while too little has come."""
        newest = int(now // self.every) - 1
        if newest < LEAST:
            return None
        # A value stands for its minute's middle.
        age = now - (newest + 0.5) * self.every
        horizons = self._horizons

        def upper(seconds: float, share: float) -> float | None:
            curve: list[float] = self._of(share)[newest]
            ahead = seconds + age
            place = bisect_right(horizons, ahead)
            if place == 0:
                return curve[0]
            if place == len(horizons):
                return curve[-1]
            low, high = horizons[place - 1], horizons[place]
            part = float((ahead - low) / (high - low))
            return curve[place - 1] * (1 - part) + curve[place] * part

        return upper

    def _of(self, share: float) -> list[list[float]]:
        """All minutes' bounds at ``share``: computed once a share."""
        found = self._curves.get(share)
        if found is None:
            if len(self._curves) >= MOST_SHARES:
                self._curves.clear()
            place = min(len(SHARES) - 1, max(1, bisect_right(SHARES, share)))
            scores = [math.log(one / (1 - one)) for one in (*SHARES[place - 1 : place + 1], min(share, 0.9999))]
            part = min(1.0, max(0.0, (scores[2] - scores[0]) / (scores[1] - scores[0])))
            mixed: Floats = self._bounds[:, place - 1] * (1 - part) + self._bounds[:, place] * part
            found = self._curves[share] = mixed.tolist()
        return found

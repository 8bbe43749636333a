"""Quantiles that keep their word: a value is below the 90 % quantile nine times in ten, whatever the series. Pure.

Enters: forecasts of several horizons, and what came. Leaves: by how much to go above a forecast. Errors are measured in
their running mean, and the level asked of them moves after each miss. Source: Gibbs and Candes, Adaptive Conformal
Inference Under Distribution Shift (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.scaling.forecast.past import Floats

QUANTILES = (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
KEPT = 400
LEAST = 20
"""Errors under which a wide guess stands in."""
GUESS = 3.0
RATE = 0.01
LOWEST, HIGHEST = -0.2, 1.2
BEYOND = 10.0
"""A level of 1.1 lies this tenth as far again beyond the largest error that was seen."""
SPREAD_FORGET = 0.97
FARTHEST = 100.0
"""Spreads that an error counts for at most: after a silence, of which nothing was wrong, any load is endlessly many."""
TINY = 1e-9
_WANTED = np.array(QUANTILES)


class Conformal:
    """The errors of ``horizons`` horizons, one row each. ``pace``: how much of SPREAD_FORGET a step is worth."""

    def __init__(self, horizons: int, pace: float = 1.0) -> None:
        self._forget = SPREAD_FORGET**pace
        self._errors = np.full((horizons, KEPT), np.inf)
        self._counts = np.zeros(horizons, int)
        self._spreads = np.zeros(horizons)
        self._levels = np.tile(_WANTED, (horizons, 1))

    def bounds(self, forecasts: Floats) -> Floats:
        """Shape (horizons, quantiles): growing in each row, none below 0."""
        seen = np.minimum(self._counts, KEPT)[:, None]
        at = np.clip(self._levels, 0.0, 1.0) * np.maximum(seen - 1, 0)
        low = at.astype(int)
        high = np.minimum(low + 1, np.maximum(seen - 1, 0))
        ranked = np.sort(self._errors, axis=1)
        rows = np.arange(len(forecasts))[:, None]
        below, above = ranked[rows, low], ranked[rows, high]
        with np.errstate(invalid="ignore"):
            away = below + (above - below) * (at - low)
            away += np.maximum(self._levels - 1.0, 0.0) * BEYOND * ranked[rows, np.maximum(seen - 1, 0)]
        guess = (_WANTED * 2 - 1) * GUESS * np.maximum(self._spreads, 0.1 * forecasts)[:, None]
        made = forecasts[:, None] + np.where(seen < LEAST, guess, away * self._spreads[:, None])
        grown: Floats = np.maximum(np.maximum.accumulate(made, axis=1), 0.0)
        return grown

    def learn(self, rows: NDArray[np.intp], forecasts: Floats, bounds: Floats, value: float) -> None:
        """``value`` came; ``forecasts`` and ``bounds`` had been said of it at the horizons ``rows``."""
        errors = value - forecasts
        spreads = np.maximum(self._spreads[rows], TINY)
        spreads = np.where(self._counts[rows] > 0, spreads, np.maximum(np.abs(errors), TINY))
        self._errors[rows, self._counts[rows] % KEPT] = np.clip(errors / spreads, -FARTHEST, FARTHEST)
        self._counts[rows] += 1
        self._spreads[rows] = self._forget * spreads + (1 - self._forget) * np.abs(errors)
        levels = self._levels[rows] + RATE * ((value > bounds) - (1 - _WANTED))
        self._levels[rows] = np.clip(levels, LOWEST, HIGHEST)

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        return {"errors": self._errors, "counts": self._counts, "spreads": self._spreads, "levels": self._levels}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._errors, self._spreads, self._levels = (
            np.asarray(state[name], float) for name in ("errors", "spreads", "levels")
        )
        self._counts = np.asarray(state["counts"], int)
        known = np.arange(KEPT) < self._counts[:, None]
        if np.isinf(self._errors[known]).any():
            raise ValueError("errors that were counted are missing")

    def __repr__(self) -> str:
        return f"<Conformal of {int(self._counts.max(initial=0))} errors>"

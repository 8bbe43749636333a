"""Experts mixed by how right they were: exponential weights, some of them asleep. Pure.

Enters: opinions, and later what came. Leaves: one forecast a horizon. Losses are shares of the value, forgotten
slowly, in units of what the best few do. Mixtures of several sharpness are mixed again, so none has to be chosen. An
expert that wakes begins as the worst. Source: Herbster and Warmuth, Tracking the Best Expert (1998); Freund et al.,
Using and Combining Predictors That Specialize (1997).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.scaling.forecast.past import Floats

SHARPNESS = (1.0, 3.0, 10.0)
INNER = len(SHARPNESS) + 1
"""Mixtures within, and what the last one chooses."""
OUTER = 8.0
FORGET = 0.99
UNIT_FORGET, UNIT_OF = 0.98, 3
MOST_LOSS = 10.0
TINY = 1e-9


class Mixture:
    """For ``horizons`` horizons and ``experts`` experts. ``pace``: how much of what is forgotten a step is worth."""

    def __init__(self, horizons: int, experts: int, pace: float = 1.0) -> None:
        self._forget, self._unit_forget = FORGET**pace, UNIT_FORGET**pace
        self._losses = np.full((horizons, experts), np.nan)
        self._outer = np.zeros((horizons, len(SHARPNESS) + 1))
        self._units = np.zeros(horizons)

    def mix(self, opinions: Floats) -> tuple[Floats, Floats]:
        """The forecast a horizon, and those of the inner mixtures (which ``learn`` is given back). Each row must hold
        at least one opinion."""
        losses = np.where(np.isnan(opinions), np.nan, self._losses)
        unheard = np.isnan(losses).all(axis=1)
        losses[unheard] = np.where(np.isnan(opinions[unheard]), np.nan, 0.0)
        best = np.nanmin(losses, axis=1, keepdims=True)
        above = np.where(np.isnan(losses), np.inf, losses - best)
        said = np.nan_to_num(opinions)
        inner = np.empty((len(opinions), INNER))
        for column, sharpness in enumerate(SHARPNESS):
            weights = np.exp(-sharpness * above)
            inner[:, column] = (weights * said).sum(axis=1) / weights.sum(axis=1)
        inner[:, -1] = said[np.arange(len(said)), above.argmin(axis=1)]
        weights = np.exp(-OUTER * (self._outer - self._outer.min(axis=1, keepdims=True)))
        return (weights * inner).sum(axis=1) / weights.sum(axis=1), inner

    def learn(self, rows: NDArray[np.intp], opinions: Floats, inner: Floats, value: float, level: float) -> None:
        """``value`` came, of which the experts of the horizons ``rows`` had these opinions. ``level``: what is usual,
        so that losses on next to nothing do not count for more than they are."""
        scale = max(value, 0.3 * level, TINY)
        errors = np.abs(opinions - value) / scale
        spoke = ~np.isnan(errors)
        good = np.sort(np.where(spoke, errors, np.inf), axis=1)[:, :UNIT_OF]
        good = np.where(np.isinf(good), 0.0, good).sum(axis=1) / np.minimum(spoke.sum(axis=1), UNIT_OF)
        units = self._units[rows]
        units = self._units[rows] = np.where(
            units == 0.0, good, self._unit_forget * units + (1 - self._unit_forget) * good
        )
        unit = np.maximum(units, TINY)[:, None]
        forget = self._forget
        costs = np.minimum(errors / unit, MOST_LOSS)
        losses = self._losses[rows]
        known = ~np.isnan(losses)
        worst = np.where(known, losses, -np.inf).max(axis=1, keepdims=True)
        losses = np.where(spoke & ~known, np.where(np.isinf(worst), costs, worst), losses)
        self._losses[rows] = np.where(spoke, forget * losses + (1 - forget) * costs, losses)
        costs = np.minimum(np.abs(inner - value) / scale / unit, MOST_LOSS)
        self._outer[rows] = forget * self._outer[rows] + (1 - forget) * costs

    def weights(self, horizon: int) -> Floats:
        """About how much each expert counts: the sharpest mixture's."""
        losses = self._losses[horizon]
        if np.isnan(losses).all():
            return np.full(len(losses), 1 / len(losses))
        made = np.where(np.isnan(losses), 0.0, np.exp(-SHARPNESS[-1] * (losses - np.nanmin(losses))))
        shares: Floats = made / made.sum()
        return shares

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        return {"losses": self._losses, "outer": self._outer, "units": self._units}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._losses, self._outer, self._units = (
            np.asarray(state[name], float) for name in ("losses", "outer", "units")
        )

    def __repr__(self) -> str:
        return f"<Mixture of {self._losses.shape[1]} experts>"

"""What load will not exceed with some share: each expert with its own margin, mixed by what being wrong cost. Pure.

Enters: opinions, and later what came. Leaves: a bound a horizon and share. A margin is the quantile of the ratios of
days past; the cost is the pinball loss, which is that of too few replicas against too many at that share. So the bound
is about as good as that of the best expert with the best margin, the last value and a constant headroom among them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.scaling.forecast.conformal import QUANTILES
from penstock.scaling.forecast.past import Floats
from penstock.scaling.forecast.shares import weights

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
KEPT, APART = 864, 300.0
"""Ratios of an expert and horizon, and seconds between them: three days."""
LEAST = 60
"""Ratios under which it says nothing."""
MEMORY = 172_800.0
"""Seconds after which a loss counts for a third."""
SHARPNESS = 20.0
TINY = 1e-9
_SHARES = np.array(SHARES)


class Margins:
    """For ``horizons`` horizons, ``experts`` experts, and steps of ``step`` seconds."""

    def __init__(self, horizons: int, experts: int, step: float) -> None:
        self._every = max(1, round(APART / step))
        self._forget = math.exp(-step / MEMORY)
        self._ratios = np.full((horizons, experts, KEPT), np.nan, np.float32)
        self._margins = np.full((horizons, experts, len(SHARES)), np.nan)
        self._losses = np.full((horizons, experts + 1, len(SHARES)), np.nan)
        self._count, self._turn = 0, 0
        self._of_quantiles = np.zeros((len(QUANTILES), len(SHARES)))
        for column, share in enumerate(SHARES):
            for row, part in weights(share):
                self._of_quantiles[row, column] += part

    def bounds(self, opinions: Floats, quantiles: Floats) -> Floats:
        """Shape (horizons, SHARES), NaN where too little is known. ``quantiles``: conformal ones, which are an opinion,
        too."""
        told = self._told(opinions, quantiles, slice(None))
        losses = np.where(np.isnan(told), np.inf, np.where(np.isnan(self._losses), np.inf, self._losses))
        best = losses.min(axis=1, keepdims=True)
        best = np.where(np.isinf(best), 0.0, best)
        parts = np.exp(-SHARPNESS * (losses / np.maximum(best, TINY) - 1.0).clip(0.0, 50.0))
        parts = np.where(np.isinf(losses), 0.0, parts)
        whole = parts.sum(axis=1)
        mixed = (parts * np.nan_to_num(told)).sum(axis=1)
        made: Floats = np.maximum.accumulate(np.where(whole > 0, mixed / np.maximum(whole, TINY), np.nan), axis=1)
        return made

    def _told(self, opinions: Floats, quantiles: Floats, rows: Any) -> Floats:
        own = opinions[:, :, None] * self._margins[rows]
        return np.concatenate([own, (quantiles @ self._of_quantiles)[:, None, :]], axis=1)

    def learn(self, rows: NDArray[np.intp], opinions: Floats, quantiles: Floats, value: float) -> None:
        """``value`` came; of it the experts of the horizons ``rows`` had these opinions."""
        if value <= TINY:
            return  # there is no ratio to nothing
        told = self._told(opinions, quantiles, rows)
        misses = np.where(value > told, (value - told) * _SHARES, (told - value) * (1 - _SHARES)) / value
        before = self._losses[rows]
        after = np.where(np.isnan(before), misses, self._forget * before + (1 - self._forget) * misses)
        if self._count >= LEAST:
            self._losses[rows] = np.where(np.isnan(misses), before, after)
        self._turn += 1
        if self._turn % self._every == 0:
            ratios = np.where(opinions > TINY, value / np.maximum(opinions, TINY), np.nan)
            self._ratios[rows, :, self._count % KEPT] = ratios
            self._count += 1
        self._refresh(int(rows[self._turn % len(rows)]))

    def _refresh(self, row: int) -> None:
        """One horizon at a time: sorting them all at once would take long."""
        if self._count < LEAST:
            return
        ratios = np.sort(self._ratios[row], axis=1)  # what is missing comes last
        known = (~np.isnan(ratios)).sum(axis=1)
        at = _SHARES[None, :] * np.maximum(known - 1, 0)[:, None]
        low = at.astype(int)
        high = np.minimum(low + 1, np.maximum(known - 1, 0)[:, None])
        rows = np.arange(len(ratios))[:, None]
        margins = ratios[rows, low] + (ratios[rows, high] - ratios[rows, low]) * (at - low)
        self._margins[row] = np.where(known[:, None] >= LEAST, margins, np.nan)

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        counts = np.array([self._count, self._turn])
        return {"ratios": self._ratios, "margins": self._margins, "losses": self._losses, "counts": counts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._ratios = np.asarray(state["ratios"], np.float32)
        self._margins, self._losses = np.asarray(state["margins"], float), np.asarray(state["losses"], float)
        self._count, self._turn = (int(one) for one in state["counts"])

    def __repr__(self) -> str:
        return f"<Margins of {self._count} values>"

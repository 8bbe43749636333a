"""Auto-regression that learns as it goes: recursive ridge, one a horizon, on logarithms about the level. Pure.

Enters: the past, step by step. Leaves: a forecast a horizon. Features are the last values, means, and what the day and
the week before were then and now. Source: exponentially weighted recursive least squares (Haykin, Adaptive Filter
Theory), with a ridge that is renewed as old values are forgotten.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.scaling.forecast.past import Floats, Past
from penstock.scaling.forecast.pending import Pending

LAGS = 9
MEANS = (24, 60)
FEATURES = 1 + LAGS + len(MEANS) + 6
FORGET = 0.999
RIDGE = 1.0
LEAST = 60
"""Values from which on it speaks."""
MOST_CHANGE = 2.0
"""Of the logarithm, from the level: a factor of seven."""


class Ridge:
    """See the module. ``pace``: how much of FORGET a step is worth."""

    def __init__(self, horizons: Floats, pace: float = 1.0) -> None:
        number = len(horizons)
        self._forget = FORGET**pace
        self._horizons = horizons.astype(int)
        self._gram = np.tile(np.eye(FEATURES) * RIDGE, (number, 1, 1))
        self._moment = np.zeros((number, FEATURES))
        self._seen = Pending(horizons, FEATURES, 1)

    def learn(self, value: float) -> None:
        """``value`` came after what was seen: each horizon's features of then are judged by it."""
        ready, (features, levels) = self._seen.due()
        if not len(ready):
            return
        forget = self._forget
        self._gram[ready] = forget * self._gram[ready] + features[:, :, None] * features[:, None, :]
        self._gram[ready] += (1 - forget) * RIDGE * np.eye(FEATURES)
        self._moment[ready] = forget * self._moment[ready] + features * (np.log1p(value) - levels)

    def forecast(self, past: Past) -> Floats:
        """One value a horizon; NaN while it has not seen enough. To be asked once a step."""
        level = float(np.log1p(past.levels[1]))
        features = self._features(past, level)
        self._seen.put(features, np.full((len(features), 1), level))
        if past.count < LEAST:
            return np.full(len(self._horizons), np.nan)
        weights = np.linalg.solve(self._gram, self._moment[:, :, None])[:, :, 0]
        change = np.clip((weights * features).sum(axis=1), -MOST_CHANGE, MOST_CHANGE)
        told: Floats = np.maximum(np.expm1(level + change), 0.0)
        return told

    def _features(self, past: Past, level: float) -> Floats:
        values, number = past.values, len(past.values)
        made = np.zeros((len(self._horizons), FEATURES))
        made[:, 0] = 1.0
        newest = np.log1p(values[-LAGS:][::-1]) - level
        made[:, 1 : 1 + len(newest)] = newest
        at = 1 + LAGS
        for mean in MEANS:
            made[:, at] = np.log1p(values[-mean:].mean()) - level
            at += 1
        for season in (past.day, past.week):
            if number > season:
                made[:, at + 1] = np.log1p(values[number - 1 - season]) - level
                back = np.minimum(number - 1 + self._horizons - season, number - 1)
                made[:, at] = np.log1p(values[back]) - level
            at += 2
        then = past.profiles[0, (past.slot + self._horizons) % past.day]
        made[:, at] = np.where(np.isnan(then), 0.0, np.log1p(then) - level)
        here = past.profiles[0, past.slot]
        made[:, at + 1] = 0.0 if np.isnan(here) else np.log1p(here) - level
        return made

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes; what was seen and not judged yet is left out."""
        return {"gram": self._gram, "moment": self._moment}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._gram, self._moment = np.asarray(state["gram"], float), np.asarray(state["moment"], float)
        self._seen.clear()

    def __repr__(self) -> str:
        return f"<Ridge of {len(self._horizons)} horizons>"

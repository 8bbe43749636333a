"""Says what load will come, learns from what came, step by step. Pure.

Enters: one value a step (requests or tokens a second), None for a gap. Leaves: for each horizon a forecast and its
quantiles; between the horizons that are computed they are interpolated. Milliseconds a step. State survives as bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.scaling.forecast import state
from penstock.scaling.forecast.conformal import QUANTILES, Conformal
from penstock.scaling.forecast.experts import NAMES, opinions
from penstock.scaling.forecast.margins import SHARES, Margins
from penstock.scaling.forecast.mixture import INNER, Mixture
from penstock.scaling.forecast.past import Floats, Past
from penstock.scaling.forecast.pending import Pending
from penstock.scaling.forecast.ridge import Ridge
from penstock.scaling.forecast.shares import weights

MINUTES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120)
VERSION = 2
USUAL_STEP = 600.0
"""Seconds of a step for which rates of forgetting are given: with shorter ones it forgets as much in the same time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said at the newest step of all horizons."""

    forecasts: Floats
    bounds: Floats
    uppers: Floats


class Forecaster:
    """``step``: seconds between values; ``minutes``: the horizons that are computed, each at least a step."""

    def __init__(self, step: float, minutes: Sequence[float] = MINUTES, zeros: str = "gaps") -> None:
        steps = sorted({round(one * 60 / step) for one in minutes if one * 60 >= step * 0.999})
        if not steps:
            raise ValueError(f"no horizon of {', '.join(map(str, minutes))} minutes is a step of {step:g} s long")
        self._steps = np.array(steps, float)
        self._past = Past(step, steps[-1], zeros)
        pace = min(1.0, step / USUAL_STEP)
        self._ridge = Ridge(self._steps, pace)
        self._mixture = Mixture(len(steps), len(NAMES) + 1, pace)
        self._conformal = Conformal(len(steps), pace)
        self._margins = Margins(len(steps), len(NAMES) + 2, step)
        self._pending = Pending(self._steps, len(NAMES) + 1, INNER, 1, len(QUANTILES))
        self._said: Said | None = None

    @property
    def step(self) -> float:
        """Seconds."""
        return self._past.step

    @property
    def count(self) -> int:
        """Values taken, gaps among them."""
        return self._past.count

    @property
    def highest(self) -> float:
        """Of the values that are remembered, a week and more."""
        return float(self._past.values.max(initial=0.0))

    def add(self, value: float | None) -> float | None:
        """Take the next value, and tell it as it was taken: None for a gap, and for a zero that must be one. Raises
        ValueError for one that is no load."""
        real = self._past.measured(value)
        filled = 0.0 if self._said is None else self._said.forecasts[0]
        if real is not None:
            self._learn(real)
        self._past.add(real, float(filled))
        told = np.hstack([opinions(self._past, self._steps), self._ridge.forecast(self._past)[:, None]])
        forecasts, inner = self._mixture.mix(told)
        bounds = self._conformal.bounds(forecasts)
        uppers = self._margins.bounds(np.hstack([told, forecasts[:, None]]), bounds)
        self._said = Said(forecasts, bounds, uppers)
        self._pending.put(told, inner, forecasts[:, None], bounds)
        return real

    def _learn(self, value: float) -> None:
        self._ridge.learn(value)
        rows, (told, inner, forecasts, bounds) = self._pending.due()
        if not len(rows):
            return
        self._mixture.learn(rows, told, inner, value, float(self._past.levels[1]))
        self._conformal.learn(rows, forecasts[:, 0], bounds, value)
        self._margins.learn(rows, np.hstack([told, forecasts]), bounds, value)

    def forecast(self, seconds: float) -> float:
        """What is expected ``seconds`` from the newest value. Raises LookupError before there is one."""
        return self._between(seconds, self._last().forecasts)

    def quantile(self, seconds: float, share: float) -> float:
        """What will not be exceeded with the probability ``share``, one of QUANTILES."""
        if share not in QUANTILES:
            raise ValueError(f"{share} is not among the quantiles: {', '.join(map(str, QUANTILES))}")
        return self._between(seconds, self._last().bounds[:, QUANTILES.index(share)])

    def uppers(self, share: float) -> tuple[Floats, Floats]:
        """Seconds from the newest value, and what load will not exceed there with the probability ``share``: as far up
        as replicas are sized by, where being wrong has a price (``margins.py``)."""
        last = self._last()
        bounds = sum((last.bounds[:, place] * part for place, part in weights(share)), np.zeros(len(self._steps)))
        if share >= SHARES[0]:
            upper = sum((last.uppers[:, place] * part for place, part in weights(share, SHARES)), np.zeros(len(bounds)))
            bounds = np.where(np.isnan(upper), bounds, upper)
        return self._steps * self.step, np.maximum(bounds, 0.0)

    def upper(self, seconds: float, share: float) -> float:
        """The same at one distance."""
        return float(np.interp(seconds, *self.uppers(share)))

    def weights(self, seconds: float) -> dict[str, float]:
        """How much each expert counts at the nearest horizon, the heaviest first."""
        at = int(np.abs(self._steps * self.step - seconds).argmin())
        shares = dict(zip((*NAMES, "ridge"), map(float, self._mixture.weights(at)), strict=True))
        return dict(sorted(shares.items(), key=lambda one: -one[1]))

    def _last(self) -> Said:
        if self._said is None:
            raise LookupError("nothing has been measured yet")
        return self._said

    def _between(self, seconds: float, values: Floats) -> float:
        return float(np.interp(seconds / self.step, self._steps, values))

    def dump(self) -> bytes:
        """Its state."""
        return state.written(self._state())

    def _state(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"version": VERSION, "steps": self._steps, "step": self.step}
        for name, part in self._parts().items():
            parts |= {f"{name}.{key}": value for key, value in part.state().items()}
        return parts

    def load(self, stored: bytes) -> bool:
        """Go on from a ``dump``. False, and nothing is changed, for one of other horizons, steps or versions."""
        fresh = Forecaster(self.step, list(self._steps * self.step / 60), self._past.zeros)
        try:
            parts = state.read(stored, fresh._state(), self._past.size)
            same = int(parts["version"]) == VERSION and math.isclose(float(parts["step"]), self.step)
            if not same or not np.array_equal(parts["steps"], self._steps):
                return False
            for name, part in fresh._parts().items():
                begins = f"{name}."
                part.restore({key[len(begins) :]: one for key, one in parts.items() if key.startswith(begins)})
        except ValueError:
            return False
        self.__dict__.update(fresh.__dict__)
        return True

    def _parts(self) -> dict[str, Any]:
        return {"past": self._past, "ridge": self._ridge, "mixture": self._mixture, "conformal": self._conformal,
                "margins": self._margins}  # fmt: skip

    def __repr__(self) -> str:
        return f"<Forecaster {self.count} values, {self.step:g} s each>"

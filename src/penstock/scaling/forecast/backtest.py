"""Plays a recorded series through forecasters, as it would have come, and tells how wrong each was. Pure.

Enters: a series, horizons, names of rivals. Leaves: WAPE (sum of absolute errors over sum of values) a horizon and
forecaster, the coverage of our quantiles, and what was said, for plots. Gaps are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from penstock.scaling.forecast.conformal import QUANTILES
from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.past import Floats
from penstock.scaling.forecast.rivals import RIVALS

OURS = "penstock"
COVERED = 0.9
LEARN_DAYS = 2.0
LEARN_SHARE = 0.15


@dataclass(slots=True)
class Judged:
    """Of one horizon. ``wape`` in percent by forecaster, ``coverage`` by quantile; ``said`` by forecaster, aligned with
    ``truth``; ``upper`` is our quantile COVERED."""

    minutes: float
    wape: dict[str, float] = field(default_factory=dict)
    coverage: dict[float, float] = field(default_factory=dict)
    truth: Floats = field(default_factory=lambda: np.zeros(0))
    said: dict[str, Floats] = field(default_factory=dict)
    upper: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(slots=True)
class Backtest:
    """``seconds_a_step``: of ours, mean; ``judged_from``: the first value that counts."""

    step: float
    values: int
    gaps: int
    judged_from: int
    horizons: list[Judged]
    seconds_a_step: float
    experts: dict[str, float]


def backtest(
    values: Sequence[float | None], step: float, minutes: Sequence[float], rivals: Sequence[str],
    clock: Callable[[], float], zeros: str = "gaps",
) -> Backtest:  # fmt: skip
    """Play ``values`` (``step`` seconds apart). ``clock`` measures what ours costs. Raises ValueError where there is
    too little to judge, or a horizon is no multiple of the step."""
    steps = [_steps(one, step) for one in minutes]
    number = len(values)
    first = min(round(LEARN_DAYS * 86_400 / step), round(LEARN_SHARE * number))
    if number - max(steps) - first < 10:
        raise ValueError(f"{number} values are too few to judge {max(minutes):g} minutes ahead")
    ours = Forecaster(step, minutes, zeros)
    others = {name: RIVALS[name](max(1, round(86_400 / step))) for name in rivals}
    truth = np.full(number, np.nan)
    said = {name: np.full((len(steps), number), np.nan) for name in (OURS, *others)}
    bounds = np.full((len(QUANTILES), len(steps), number), np.nan)
    spent = 0.0
    for at, value in enumerate(values):
        before = clock()
        real = ours.add(value)
        spent += clock() - before
        truth[at] = np.nan if real is None else real
        for row, ahead in enumerate(steps):
            said[OURS][row, at] = ours.forecast(ahead * step)
            for kind, share in enumerate(QUANTILES):
                bounds[kind, row, at] = ours.quantile(ahead * step, share)
        for name, rival in others.items():
            rival.add(float(truth[at]))
            for row, ahead in enumerate(steps):
                said[name][row, at] = rival.forecast(ahead)
    judged = [_judge(minutes[row], ahead, row, first, truth, said, bounds) for row, ahead in enumerate(steps)]
    gaps = int(np.isnan(truth).sum())
    return Backtest(step, number, gaps, first, judged, spent / number, ours.weights(minutes[0] * 60))


def _steps(minutes: float, step: float) -> int:
    steps = round(minutes * 60 / step)
    if steps < 1 or abs(steps * step - minutes * 60) > 1e-6 * step:
        raise ValueError(f"{minutes:g} minutes are no multiple of the step of {step:g} s")
    return steps


def _judge(
    minutes: float, ahead: int, row: int, first: int, truth: Floats, said: dict[str, Floats], bounds: Floats
) -> Judged:
    asked = np.arange(first, len(truth) - ahead)
    came = truth[asked + ahead]
    real = ~np.isnan(came)
    total = float(came[real].sum())
    if not total > 0:
        raise ValueError("there is no load in what would be judged")
    one = Judged(minutes, truth=came, upper=bounds[QUANTILES.index(COVERED), row, asked])
    for name, told in said.items():
        opinion = told[row, asked]
        one.said[name] = opinion
        one.wape[name] = 100 * float(np.abs(opinion[real] - came[real]).sum()) / total
    for kind, share in enumerate(QUANTILES):
        one.coverage[share] = float((came[real] <= bounds[kind, row, asked][real]).mean())
    return one

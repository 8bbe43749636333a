"""Simple forecasters, each right on some series: their opinions of the same horizons side by side. Pure.

Enters: the past. Leaves: one row a horizon, one column an expert, NaN where an expert has not seen enough to speak.
The last is the specification's own rule: recent load x (0.4 daily + 0.3 weekly + 0.3 trend), from 10 values on.
"""

from __future__ import annotations

import numpy as np

from penstock.scaling.forecast.past import Floats, Past

NAMES = (
    "last", "fast mean", "slow mean", "mean of 3", "drift", "yesterday", "week ago", "profile", "slow profile",
    "yesterday in ratio", "week ago in ratio", "profile in ratio", "last and change of profile", "document",
)  # fmt: skip
DRIFT_VALUES, DRIFT_DAMPED, DRIFT_MOST = 6, 0.5, 12.0
CHANGE_DAMPED = 0.7
RATIO = (0.3, 3.0)
DOCUMENT_WEIGHTS = (0.4, 0.3, 0.3)
DOCUMENT_LEAST = 10
"""Values under which the specification refuses to forecast."""
TINY = 1e-9


def opinions(past: Past, horizons: Floats) -> Floats:
    """Shape (horizons, experts); ``horizons`` are whole numbers of steps, at least 1."""
    values, number = past.values, len(past.values)
    steps = horizons.astype(int)
    now = values[-1]
    recent = values[-3:].mean()
    told = np.full((len(steps), len(NAMES)), np.nan)
    told[:, 0] = now
    told[:, 1], told[:, 2] = past.levels[0], past.levels[1]
    told[:, 3] = recent
    told[:, 4] = now + np.minimum(steps, DRIFT_MOST) * DRIFT_DAMPED * slope(values)
    for column, ratio_column, season in ((5, 9, past.day), (6, 10, past.week)):
        back = number - 1 + steps - season
        known = (back >= 0) & (back < number)
        then = np.where(known, values[np.clip(back, 0, number - 1)], np.nan)
        told[:, column] = then
        if number >= season + 3:
            told[:, ratio_column] = then * _ratio(recent, values[number - season - 3 : number - season].mean())
    slots = (past.slot + steps) % past.day
    told[:, 7], told[:, 8] = past.profiles[0, slots], past.profiles[1, slots]
    here = past.profiles[0, past.slot]
    before = past.profiles[0, past.slot - 1]
    told[:, 11] = told[:, 7] * _ratio(values[-2:].mean(), (here + before) / 2)
    told[:, 12] = now + CHANGE_DAMPED * (told[:, 7] - here)
    if number >= past.day and number >= DOCUMENT_LEAST:
        told[:, 13] = _document(past, steps, told[:, 5], told[:, 6])
    spoken: Floats = np.maximum(told, 0.0)
    return spoken


def slope(values: Floats) -> float:
    """By how much the newest values grow a step: least squares."""
    newest = values[-DRIFT_VALUES:]
    if len(newest) < DRIFT_VALUES:
        return 0.0
    at = np.arange(len(newest)) - (len(newest) - 1) / 2
    return float((at * newest).sum() / (at * at).sum())


def _ratio(now: float, then: float) -> float:
    if not then > TINY:
        return 1.0
    return float(np.clip(now / then, *RATIO))


def _document(past: Past, steps: Floats, yesterday: Floats, week_ago: Floats) -> Floats:
    """Patterns as shares of the mean, so that the sum of the weights gives the mean back."""
    daily, weekly, trend = DOCUMENT_WEIGHTS
    mean = past.values[-past.day :].mean()
    if not mean > TINY:
        return np.zeros(len(steps))
    base = past.values[-DOCUMENT_LEAST:].mean()
    by_day = yesterday / mean
    by_week = np.where(np.isnan(week_ago), by_day, week_ago / mean)
    grown = 1.0 + steps * slope(past.values) / max(base, TINY)
    blended: Floats = base * (daily * by_day + weekly * by_week + trend * np.clip(grown, *RATIO))
    return blended

"""What is expected of a window of time, minute by minute, as it is told and as capacity is planned by. Pure.

Enters: a forecaster, a window. Leaves: a Prediction. May fail: ValueError for a window that holds no interval,
LookupError while fewer values were seen than the specification asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:  # it stands on numpy, which capacity is planned without
    from penstock.scaling.forecast.forecaster import Forecaster

LEAST_VALUES = 10
INTERVAL = 60.0
LOWER, UPPER = 0.1, 0.9


class Interval(Struct, frozen=True):
    """``at``: Unix seconds. ``load`` is what is expected, ``lower`` and ``upper`` are its 10 % and 90 % quantiles.
    ``confidence`` is 1 where they meet and 0 where the upper is endlessly far above the lower."""

    at: float
    load: float
    lower: float
    upper: float
    confidence: float


class Prediction(Struct, frozen=True):
    """``made``: Unix seconds. ``confidence`` is the mean of the intervals'."""

    made: float
    window: float
    confidence: float
    intervals: list[Interval]


def predict(forecaster: Forecaster, window: float, now: float) -> Prediction:
    """The next ``window`` seconds from ``now`` (Unix seconds), the time of the newest value."""
    number = int(window // INTERVAL)
    if number < 1:
        raise ValueError(f"a window of {window:g} s holds no interval of {INTERVAL:g} s")
    if forecaster.count < LEAST_VALUES:
        raise LookupError(f"{forecaster.count} values are too few for a forecast: {LEAST_VALUES}")
    intervals = []
    for minute in range(1, number + 1):
        ahead = minute * INTERVAL
        lower, upper = forecaster.quantile(ahead, LOWER), forecaster.quantile(ahead, UPPER)
        sure = 2 * lower / (lower + upper) if upper > 0 else 1.0
        intervals.append(Interval(now + ahead, forecaster.forecast(ahead), lower, upper, sure))
    return Prediction(now, window, sum(one.confidence for one in intervals) / number, intervals)

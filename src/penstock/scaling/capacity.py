"""From a prediction to how many replicas are needed, and when. Pure.

Enters: a prediction of load, what one replica carries, how long one takes to start. Leaves: a recommendation:
adjustments with action, confidence and reason. The rules are the specification's: upper bound and a tenth more, down
only when less than 80 % of what stands is needed; but each step starts from the one before, and growth begins a start
ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from penstock.scaling.forecast.prediction import Interval, Prediction

BUFFER = 0.1
SHRINK_BELOW = 0.8


class Adjustment(Struct, frozen=True):
    """``at``: Unix seconds at which to begin, ``ready`` when it is needed. ``cost``: dollars an hour more (or less)."""

    at: float
    ready: float
    action: Literal["scale_up", "scale_down"]
    capacity: int
    confidence: float
    reason: str
    cost: float = 0.0


class Recommendation(Struct, frozen=True):
    """``capacity`` is what stands now."""

    capacity: int
    adjustments: list[Adjustment]


@dataclass(frozen=True, slots=True)
class Terms:
    """``carries``: load of one replica at the goal, in the prediction's unit; ``starts``: seconds from wanting a
    replica to its first answer; ``price``: dollars an hour of one."""

    carries: float
    starts: float = 0.0
    least: int = 1
    most: int = 1000
    buffer: float = BUFFER
    shrink_below: float = SHRINK_BELOW
    price: float = 0.0

    def __post_init__(self) -> None:
        if not self.carries > 0:
            raise ValueError(f"a replica that carries {self.carries} carries nothing")
        if not 0 <= self.least <= self.most:
            raise ValueError(f"between {self.least} and {self.most} replicas there is nothing")


def required(load: float, terms: Terms) -> int:
    """Replicas for ``load``, with the buffer, within the bounds."""
    exact = load * (1 + terms.buffer) / terms.carries
    return min(terms.most, max(terms.least, math.ceil(exact - 1e-9)))


def recommend(prediction: Prediction, current: int, terms: Terms) -> Recommendation:
    """What to do over the prediction's window, beginning with ``current`` replicas."""
    adjustments: list[Adjustment] = []
    standing = current
    for place, interval in enumerate(prediction.intervals):
        needed = required(interval.upper, terms)
        if needed < standing:
            # Not below what the rest of a start needs: what goes now could not be back in time.
            soon = [one for one in prediction.intervals[place:] if one.at <= interval.at + terms.starts]
            needed = max(required(one.upper, terms) for one in soon)
        if needed == standing or terms.shrink_below * standing <= needed < standing:
            continue
        adjustments.append(_adjustment(prediction, interval, standing, needed, terms))
        standing = needed
    return Recommendation(current, adjustments)


def _adjustment(prediction: Prediction, interval: Interval, standing: int, needed: int, terms: Terms) -> Adjustment:
    grows = needed > standing
    begin = max(prediction.made, interval.at - terms.starts) if grows else interval.at
    late = grows and interval.at - terms.starts < prediction.made
    carried = standing * terms.carries
    reason = f"load of {interval.load:.4g} expected, at most {interval.upper:.4g}; {standing} carry {carried:.4g}"
    if late:
        reason += f"; a start takes {terms.starts:.0f} s, so it comes late"
    return Adjustment(
        begin, interval.at, "scale_up" if grows else "scale_down", needed, interval.confidence, reason,
        (needed - standing) * terms.price,
    )  # fmt: skip

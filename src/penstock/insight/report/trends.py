"""Trends: whether a span differs from the one before by more than chance. Pure.

Enters: the buckets of both. Leaves: for each measure its means, the change, and whether it is one: when each bucket is
compared with that at the same place of the span before (so that the rhythm of days is not one), at a chance of 5 % or
less over all measures, and when it is not tiny. Changes that resemble their neighbours tell less than their number:
the test is weakened by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from penstock.core.sketch import quantile
from penstock.core.windows import Group

CHANCE = 0.03
"""That anything is called a trend while there is none, over all measures, by reckoning; by trial up to 0.05, where
values resemble their neighbours."""
FEWEST = 8
"""Pairs of buckets that differ."""
LEAST_CHANGE = 0.05
MOST_LIKE = 0.95
UNSEEN = 3.0
"""How much likeness is added to what few values show: by trial on noise that drifts."""


class Measure(NamedTuple):
    """``read`` gives the value of a bucket of some seconds; None where it has none. ``better``: up, down or neither."""

    name: str
    unit: str
    better: Literal["up", "down", ""]
    read: Callable[[Group, float], float | None]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


MEASURES = (
    Measure("calls", "a second", "", lambda one, seconds: one.calls / seconds),
    Measure("errors", "share", "down", lambda one, _: _share(one.failed, one.calls)),
    Measure("total_p95", "seconds", "down", lambda one, _: quantile(one.totals, 0.95)),
    Measure("ttft_p95", "seconds", "down", lambda one, _: quantile(one.firsts, 0.95)),
    Measure("overhead_p95", "seconds", "down", lambda one, _: quantile(one.overheads, 0.95)),
    Measure("token_rate", "tokens a second", "up", lambda one, _: _share(one.tokens_out, one.generating)),
    Measure("hit_rate", "share", "up", lambda one, _: _share(one.hits, one.looked_up)),
    Measure("cost", "micro-dollars a call", "down", lambda one, _: _share(one.cost, one.calls)),
    Measure("prompt", "tokens a call", "", lambda one, _: _share(one.tokens_in, one.calls)),
)


def series(buckets: Sequence[Group | None], step: float, measure: Measure) -> list[float | None]:
    """The values of a measure, bucket by bucket."""
    return [None if one is None or not one.calls else measure.read(one, step) for one in buckets]


def trends(before: Sequence[Group | None], now: Sequence[Group | None], step: float) -> list[dict[str, Any]]:
    """A row for each measure that both spans have."""
    rows = []
    for measure in MEASURES:
        both = zip(series(before, step, measure), series(now, step, measure), strict=True)
        pairs = [(old, new) for old, new in both if old is not None and new is not None]
        if not pairs:
            continue
        first, last = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
        change = last / first - 1.0 if first else None
        chance = unlikely([new - old for old, new in pairs])
        real = chance is not None and chance < CHANCE / len(MEASURES) and (change is None or abs(change) > LEAST_CHANGE)
        verdict = (
            ""
            if not real or not measure.better
            else "better"
            if (last > first) == (measure.better == "up")
            else "worse"
        )
        rows.append({
            "name": measure.name, "unit": measure.unit, "before": round(first, 9), "now": round(last, 9),
            "change": None if change is None else round(change, 4), "chance": chance, "significant": real,
            "verdict": verdict,
        })  # fmt: skip
    return rows


def unlikely(changes: Sequence[float]) -> float | None:
    """The chance that changes are so much of one sign while there is none (Wilcoxon's signed ranks, with ties); None
    where too few are left of those that are no change at all."""
    real = sorted((change for change in changes if change), key=abs)
    number = len(real)
    if not number and len(changes) >= FEWEST:
        return 1.0
    if number < FEWEST:
        return None
    ties, up, place = 0.0, 0.0, 0
    while place < number:
        end = place
        while end < number and abs(real[end]) == abs(real[place]):
            end += 1
        alike = end - place
        ties += alike**3 - alike
        up += sum(change > 0 for change in real[place:end]) * (place + end + 1) / 2
        place = end
    like = likeness(changes)
    spread = (number * (number + 1) * (2 * number + 1) / 24 - ties / 48) * (1 + like) / (1 - like)
    away = abs(up - number * (number + 1) / 4) - 0.5
    return round(min(1.0, math.erfc(max(0.0, away) / math.sqrt(2 * spread))), 6)


def likeness(row: Sequence[float]) -> float:
    """How much values resemble those just before them: 0 to 0.95. Few values show less of it than there is: that much
    is added."""
    mean = sum(row) / len(row)
    away = [value - mean for value in row]
    square = sum(one * one for one in away)
    if square <= (1e-9 * max(map(abs, row))) ** 2:  # all the same, but for how numbers are kept
        return 0.0
    found = sum(one * other for one, other in pairwise(away)) / square
    return min(MOST_LIKE, max(0.0, found + UNSEEN * (1 + 3 * max(0.0, found)) / len(row)))

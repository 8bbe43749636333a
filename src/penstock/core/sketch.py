"""Quantiles of many values in little room: DDSketch (Masson, Rim, Lee, VLDB 2019). Pure.

Enters: values, one by one. Leaves: any quantile, within ``ACCURACY`` of the true value. A sketch is a plain dict of
counts by bin, so that it merges by adding and is written down as it stands. Values are seconds, tokens or any other
measure; those at or below ``LEAST`` are in one bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import ceil, log
from typing import TypeVar

ACCURACY = 0.02
"""A quantile is at most this share away from a value that has that rank."""
LEAST = 1e-6
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
PER_LOG = 1 / math.log(_GAMMA)
"""Bins for each factor of e."""
LOWEST = math.ceil(math.log(LEAST) * PER_LOG)

Sketch = dict[int, int]
"""Counts by bin: bin ``b`` holds what lies in (gamma^(b-1), gamma^b]."""


def put(sketch: Sketch, value: float, count: int = 1) -> None:
    """Count ``value``."""
    at = math.ceil(math.log(value) * PER_LOG) if value > LEAST else LOWEST
    sketch[at] = sketch.get(at, 0) + count


def put_many(sketch: Sketch, values: Sequence[float]) -> None:
    """Count each of ``values``: a third of the time of one by one."""
    known = sketch.get
    if min(values, default=0.0) > LEAST:
        for size in map(log, values):
            at = ceil(size * PER_LOG)
            sketch[at] = known(at, 0) + 1
    else:
        for value in values:
            put(sketch, value)


K = TypeVar("K")


def merge(into: dict[K, int], other: Mapping[K, int]) -> None:
    """Add the counts of ``other``."""
    for at, count in other.items():
        into[at] = into.get(at, 0) + count


def quantile(sketch: Mapping[int, int], share: float) -> float | None:
    """The value below which ``share`` (0 to 1) of the values lie; None of an empty sketch. Raises ValueError for
    another share."""
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share: 0 to 1")
    total = sum(sketch.values())
    if not total:
        return None
    rank = share * (total - 1)
    seen = 0
    at = LOWEST
    for at in sorted(sketch):
        seen += sketch[at]
        if seen > rank:
            break
    return value_of(at)


def value_of(at: int) -> float:
    """What stands for the values in bin ``at``."""
    return 0.0 if at <= LOWEST else 2 * math.exp(at / PER_LOG) / (_GAMMA + 1)


def count(sketch: Mapping[int, int]) -> int:
    """How many values are in it."""
    return sum(sketch.values())


def above(sketch: Mapping[int, int], limit: float) -> int:
    """How many values are over ``limit``, by whole bins: those that share its bin are not."""
    last = math.ceil(math.log(limit) * PER_LOG) if limit > LEAST else LOWEST
    return sum(number for at, number in sketch.items() if at > last)

"""Quantiles of many values in little room: DDSketch (Masson, Rim, Lee, VLDB 2019). Pure.

Enters: values, one by one. Leaves: any quantile, within ``ACCURACY`` of the true value. A sketch is a plain dict of
counts by bin, so that it merges by adding and is written down as it stands. Values are seconds, tokens or any other
measure; those at or below ``LEAST`` are in one bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import ceil, log
from typing import Final, TypeVar

ACCURACY: Final = 0.02
"""A quantile is at most this share away from a value that has that rank."""
LEAST: Final = 1e-6
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
PER_LOG: Final = 1 / math.log(_GAMMA)
"""Bins for each factor of e."""
LOWEST: Final = math.ceil(math.log(LEAST) * PER_LOG)

Sketch = dict[int, int]
"""Counts by bin: bin ``b`` holds what lies in (gamma^(b-1), gamma^b]."""


def put(sketch: Sketch, value: float, count: int = 1) -> None:
    """Count ``value``."""
    at = math.ceil(math.log(value) * PER_LOG) if value > LEAST else LOWEST
    sketch[at] = sketch.get(at, 0) + count


def put_many(sketch: Sketch, values: Sequence[float]) -> None:
    """Count each of ``values``; those of one bin in a row are counted together."""
    per_log = PER_LOG
    last, run = LOWEST, 0
    for value in values:
        at = ceil(log(value) * per_log) if value > LEAST else LOWEST
        if at != last:
            if run:
                sketch[last] = sketch.get(last, 0) + run
            last, run = at, 0
        run += 1
    if run:
        sketch[last] = sketch.get(last, 0) + run


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

"""Sketches as they are stored, and as they are added up when they are read. Pure.

Enters: sketches. Leaves: planes (the lowest bin, then the counts from there on: their lowest bytes, then as far as
there are any the higher ones, which are mostly nothing and so are pressed well), or one whole number with a lane for
each bin: adding such numbers merges sketches, at a fraction of what adding bin by bin costs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import Any

from penstock.core.sketch import LOWEST, Sketch, value_of

LANE_BYTES = 8
Planes = list[Any]
"""Of an empty sketch: []."""


def planes_of(sketch: Sketch) -> Planes:
    """The planes of ``sketch``."""
    if not sketch:
        return []
    lowest = min(sketch)
    counts = [0] * (max(sketch) - lowest + 1)
    for at, count in sketch.items():
        counts[at - lowest] = count
    most = max(counts)
    if most < 256:
        return [lowest, bytes(counts)]
    wide = array("Q", counts).tobytes()
    return [lowest, *(wide[plane::LANE_BYTES] for plane in range((most.bit_length() + 7) // 8))]


def lanes(planes: Planes) -> int:
    """The number of what is in ``planes``."""
    if not planes:
        return 0
    wide = bytearray(LANE_BYTES * len(planes[1]))
    for plane, values in enumerate(planes[1:]):
        wide[plane::LANE_BYTES] = values
    number = int.from_bytes(wide, "little")
    return number << (8 * LANE_BYTES * int(planes[0] - LOWEST))


def _counts(number: int) -> array[int]:
    return array("Q", number.to_bytes(-(-number.bit_length() // (8 * LANE_BYTES)) * LANE_BYTES, "little"))


def counted(number: int) -> Sketch:
    """The sketch whose number it is."""
    return {LOWEST + at: count for at, count in enumerate(_counts(number)) if count}


class Ranks:
    """Quantiles of the sketch whose number it is, as ``core.sketch.quantile`` gives them, at a tenth of its cost."""

    __slots__ = ("_lowest", "_seen")

    def __init__(self, number: int) -> None:
        empty = (number & -number).bit_length() // (8 * LANE_BYTES)
        self._lowest = LOWEST + empty
        self._seen = list(accumulate(_counts(number >> (8 * LANE_BYTES * empty))))

    def quantile(self, share: float) -> float | None:
        """The value below which ``share`` of the values lie; None of an empty sketch."""
        if not self._seen:
            return None
        return value_of(self._lowest + bisect_right(self._seen, share * (self._seen[-1] - 1)))


def sketch_of(planes: Planes) -> Sketch:
    """The sketch in ``planes``."""
    return counted(lanes(planes))

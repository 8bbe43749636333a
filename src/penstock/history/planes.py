"""Whole numbers and sketches as they are stored, and as they are added up when they are read. Pure.

Enters: numbers, or a sketch. Leaves: planes (the lowest byte of each number, then the next ones, as far as there are
any: the higher ones are mostly nothing, and so are pressed well), or one whole number with a lane for each of them:
adding such numbers adds column to column or merges sketches, at a fraction of what number by number costs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from penstock.core.sketch import Sketch, value_of

LANE_BYTES = 8
MOST = 2**63 - 1
"""In a lane. A sum beyond it is wrong, and what stands beside it by one for each time."""
Planes = list[Any]
"""Of a sketch: its lowest bin, then the planes of the counts from there on. Of an empty one: []."""
Pile = tuple[int, int]
"""Of sketches: the lowest bin, and a number with a lane for each bin from there on."""
EMPTY: Pile = (0, 0)


def planes_of(numbers: Sequence[int]) -> bytes:
    """The planes of ``numbers``, one behind the other: none if all are 0, all of them if one is negative. What is
    beyond MOST, as only an upstream that tells nonsense makes it, is MOST."""
    if not numbers:
        return b""
    least, most = min(numbers), max(numbers)
    if least < -MOST or most > MOST:
        return planes_of([max(-MOST, min(number, MOST)) for number in numbers])
    wide = array("q", numbers).tobytes()
    bits = 8 * LANE_BYTES if least < 0 else most.bit_length()
    return b"".join([wide[plane::LANE_BYTES] for plane in range((bits + 7) // 8)])


def lanes(planes: bytes, number: int) -> int:
    """The lanes of the ``number`` numbers in ``planes``. Raises ValueError if there are not so many."""
    if not planes:
        return 0
    wide = bytearray(LANE_BYTES * number)
    for plane in range(-(-len(planes) // number)):
        wide[plane::LANE_BYTES] = planes[plane * number : (plane + 1) * number]
    found = int.from_bytes(wide, "little")
    if len(planes) == len(wide):  # there may be negative ones: of them a lane takes from the next
        signs = _signs(number)
        found = (found ^ signs) - signs
    return found


def numbers_in(found: int, number: int) -> array[int]:
    """The numbers in the ``number`` lanes of ``found``."""
    signs = _signs(number)
    within = (found + signs) % (1 << 8 * LANE_BYTES * number)
    return array("q", (within ^ signs).to_bytes(LANE_BYTES * number, "little"))


def _signs(number: int) -> int:
    return int.from_bytes((bytes(LANE_BYTES - 1) + b"\x80") * number, "little")


def sketched(sketch: Sketch) -> Planes:
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


def pile_of(planes: Planes) -> Pile:
    """What is in ``planes``."""
    if not planes:
        return EMPTY
    wide = bytearray(LANE_BYTES * len(planes[1]))
    for plane, values in enumerate(planes[1:]):
        wide[plane::LANE_BYTES] = values
    return planes[0], int.from_bytes(wide, "little")


def together(one: Pile, other: Pile) -> Pile:
    """Both as one."""
    if not other[1]:
        return one
    if not one[1]:
        return other
    if one[0] > other[0]:
        one, other = other, one
    return one[0], one[1] + (other[1] << 8 * LANE_BYTES * (other[0] - one[0]))


def _counts(number: int) -> array[int]:
    return array("Q", number.to_bytes(-(-number.bit_length() // (8 * LANE_BYTES)) * LANE_BYTES, "little"))


def sketch_in(pile: Pile) -> Sketch:
    """The sketch in ``pile``."""
    return {pile[0] + at: count for at, count in enumerate(_counts(pile[1])) if count}


class Ranks:
    """Quantiles of what is in a pile, as ``core.sketch.quantile`` gives them, at a tenth of its cost."""

    __slots__ = ("_lowest", "_seen")

    def __init__(self, pile: Pile) -> None:
        self._lowest = pile[0]
        self._seen = list(accumulate(_counts(pile[1])))

    def quantile(self, share: float) -> float | None:
        """The value below which ``share`` of the values lie; None of an empty sketch."""
        if not self._seen:
            return None
        return value_of(self._lowest + bisect_right(self._seen, share * (self._seen[-1] - 1)))

"""How short memory is, as a level from 0 to 5, and what each level asks for. Pure.

Enters: the share of the limit that is in use. Leaves: a level that rises at once and falls only when the share is
clearly below its band, and for that level the measures in force.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from penstock.core.priority import BATCH, HIGH, LOW, NORMAL

BANDS = (0.3, 0.6, 0.7, 0.8, 0.9)
"""Where levels 1 to 5 begin."""
SLACK = 0.03
"""So far below its band a level ends."""
FULL = 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """``caches`` and ``buffers``: the share of their configured bounds that they keep; ``resume``: new streams may be
    kept; ``collect``: give back what lies free; ``floor``: the lowest class of calls still admitted."""

    caches: float = 1.0
    buffers: float = 1.0
    resume: bool = True
    collect: bool = False
    floor: int = BATCH


LEVELS = (
    Measures(),
    Measures(),
    Measures(caches=0.75),
    Measures(caches=0.5, buffers=0.5, resume=False, floor=LOW),
    Measures(caches=0.25, buffers=0.25, resume=False, collect=True, floor=NORMAL),
    Measures(caches=0.05, buffers=0.1, resume=False, collect=True, floor=HIGH),
)
NOBODY = Measures(caches=0.05, buffers=0.1, resume=False, collect=True, floor=-1)
"""At the limit itself, where what is held for calls is what fills it."""
LITTLE = 0.1
"""Of the limit: where the ledger explains less, calls are not what fills memory."""
ORDINARY = tuple(replace(one, floor=max(one.floor, NORMAL)) for one in LEVELS)
"""Then. To refuse ordinary calls would bring nothing back, and they would be refused until the process is restarted."""


def level_of(share: float, before: int) -> int:
    """The level at ``share``, after the level ``before``."""
    level = bisect_right(BANDS, share)
    if level >= before:
        return level
    return max(level, min(before, bisect_right(BANDS, share + SLACK)))


def measures_of(level: int, share: float, explained: float) -> Measures:
    """What is in force. ``explained``: the share of the limit that the ledger accounts for: where it is small, to
    refuse everybody would free nothing, and who comes is still bounded by the room that is left."""
    if share >= FULL and explained >= BANDS[0]:
        return NOBODY
    return (LEVELS if explained >= LITTLE else ORDINARY)[level]


def next_band(share: float) -> float:
    """The share at which memory is to be looked at again, whatever the time."""
    return next((band for band in (*BANDS, FULL) if band > share), share + 0.05)

"""One thing that an experiment must not hurt: what it was without it, how noisy it is, and what is left to lose. Pure.

Enters: values of windows. Leaves: a word on each: fine, suspicious or broken. Broken is beyond what is allowed and
beyond the noise; suspicious is so near to it that it cannot be ruled out.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from penstock.insight.optimizer.measures import Measure

LEAST_NOISE = 0.01
LEAST_NOISE_OF_SHARE = 0.002
SURE = 4.5
"""Deviations of the noise that a break must stand out by."""
LIKELY = 3.2
EAGER = 2.0
"""The same while it is switched by turns: there a suspicion costs but a few windows."""
NEARLY = 0.7
"""Of what it may lose: from here on a setting that was found good is looked at again."""
LASTING = 3
"""Windows that are judged together."""
OFFS = 18
"""Windows without the change that say what it was."""
LEAST_LATELY = 12
"""Of these, so many say how far windows lie from their middle: of six that is half or twice as far by chance."""
KNOWN = 120
"""Those that say how noisy it is."""
TRIMMED = 0.9
"""Of the steps from window to window, those that count as noise; the largest are something else."""
APART = 12
MOST_WANDER = 2.0
LEAST_SHARE = 0.01
"""Of calls that fail, for the noise of a share that has always been 0."""
_OF_TRIMMED = 0.657 * math.sqrt(2)
"""The mean of the lower nine tenths of the absolute differences of neighbours, in deviations of each."""
_OF_MEDIAN = 1.4826


class Word(IntEnum):
    """What is said of a window."""

    FINE = 0
    SUSPICIOUS = 1
    BROKEN = 2
    PAST_CEILING = 3


class Guard:
    """See the module. ``allowed`` is how much worse it may get, on the scale of its measure."""

    def __init__(self, measure: Measure, allowed: float, history: Sequence[float]) -> None:
        self.measure = measure
        self.allowed = allowed
        self.noise = 0.0
        self._wander = wander(history)
        self._known: deque[float] = deque(maxlen=KNOWN)
        self._offs: deque[float] = deque(maxlen=OFFS)
        self.reference = 0.0
        self.without(history)

    def worse(self, level: float) -> float:
        """By how much ``level`` is worse than it was without the change."""
        return (self.reference - level) * self.measure.better

    def without(self, levels: Sequence[float], *, anew: bool = False) -> None:
        """Windows without the change; ``anew``: what was before no longer counts."""
        if anew:
            self._offs.clear()
        self._offs.extend(levels)
        self._known.extend(levels)
        self.reference = statistics.median(self._offs)
        self.noise = self._wander * noise_of(self.measure, list(self._known), list(self._offs))

    def word(self, level: float, number: float, *, eager: bool = False) -> Word:
        """Of a window in which the change was in force; ``number``: what a share is one of, 0 for nothing known."""
        measure, worse = self.measure, self.worse(level)
        if measure.ceiling is not None and level > measure.ceiling >= self.reference:
            return Word.PAST_CEILING
        if worse > max(self.allowed, self._reach(SURE, number)):
            return Word.BROKEN
        likely = self._reach(EAGER if eager else LIKELY, number)
        early = self.allowed / 2 if eager else self.allowed * NEARLY
        return Word.SUSPICIOUS if worse > max(early, self.allowed - likely, likely) else Word.FINE

    def _reach(self, deviations: float, number: float) -> float:
        """How far chance alone takes a window."""
        deviations *= math.sqrt(1 + 1.5 / len(self._offs))  # the reference is a median, and not sure either
        if not number:
            return deviations * self.noise
        share = min(1 - LEAST_SHARE, max(LEAST_SHARE, self.reference))
        by_chance = max(self.noise, math.sqrt(share * (1 - share) / number))
        skew = (deviations**2 - 1) * (1 - 2 * share) / (6 * number)  # many of what is rare are likelier than none
        return deviations * by_chance + max(0.0, skew)

    def lasting(self, on: Sequence[float]) -> bool:
        """Whether some windows in a row are worse together, though each of them might be noise."""
        if len(on) < LASTING:
            return False
        noise = self.noise * math.sqrt(1 / len(on) + 1.5 / len(self._offs))
        return self.worse(statistics.fmean(on)) > max(self.allowed * NEARLY, LIKELY * noise)

    def gap(self, on: Sequence[float], off: Sequence[float]) -> float:
        """How much worse it is with the change."""
        return (statistics.fmean(off) - statistics.fmean(on)) * self.measure.better

    def shift(self, on: Sequence[float], off: Sequence[float]) -> bool:
        """Whether it is worse with the change than without it, by what matters and by more than noise. The last window
        of ``on`` stands there because it was bad, which is discounted."""
        error = self.noise * math.sqrt(1 / len(on) + 1 / len(off))
        return self.gap(on, off) > max(self.allowed / 2, 3 * error + LIKELY * self.noise / len(on))

    def __repr__(self) -> str:
        return f"<Guard {self.measure.name}, {self.measure.value(self.reference):.4g}, {self.allowed:.3f} to lose>"


def wander(levels: Sequence[float]) -> float:
    """How much further windows ``APART`` are from each other than neighbours, in which noise that lasts is not seen:
    1 to ``MOST_WANDER``."""
    if len(levels) < 3 * APART:
        return 1.0
    near, far = (_trimmed([abs(levels[at] - levels[at - gap]) for at in range(gap, len(levels))]) for gap in (1, APART))
    return min(MOST_WANDER, max(1.0, far / near)) if near > 0 else 1.0


def _trimmed(steps: Sequence[float]) -> float:
    """Their mean without the largest."""
    lower = sorted(steps)[: max(1, round(TRIMMED * len(steps)))]
    return statistics.fmean(lower) if lower else 0.0


def noise_of(measure: Measure, levels: Sequence[float], lately: Sequence[float]) -> float:
    """The deviation of one window: from neighbours, for a trend does not count as noise; or lately, from the middle."""
    least = LEAST_NOISE_OF_SHARE if measure.share else LEAST_NOISE
    near = _trimmed([abs(later - earlier) for earlier, later in pairwise(levels)])
    away = 0.0
    if len(lately) >= LEAST_LATELY:
        middle = statistics.median(lately)
        away = statistics.median(abs(level - middle) for level in lately) * _OF_MEDIAN
    return max(least, away, near / _OF_TRIMMED)

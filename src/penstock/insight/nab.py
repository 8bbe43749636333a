"""The score of the Numenta Anomaly Benchmark, standard profile. Pure.

Written from its description (Lavin and Ahmad, ICMLA 2015): each labelled window gives up to one point for its earliest
detection, the more the earlier; a detection outside costs up to 0.11, the more the further it is behind the last
window; a missed window costs one. The first 15 % of a series (of 5,000 values at most) are for learning and do not
count. 0 is what a detector gets that never says anything, 100 one that is at the beginning of each window.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

HIT, FALSE, MISSED = 1.0, 0.11, 1.0
LEARNING, LONGEST = 0.15, 5000
FAR = 3.0
"""Widths of a window behind it from which on a false detection costs all."""


class Score(NamedTuple):
    """``points`` of ``best`` possible and of ``none``, which saying nothing gives."""

    points: float
    none: float
    best: float

    @property
    def normal(self) -> float | None:
        """From 0 (silence) to 100 (perfect); None where there is nothing to find."""
        return None if self.best == self.none else 100.0 * (self.points - self.none) / (self.best - self.none)


def learning(count: int) -> int:
    """How many values at the beginning do not count."""
    return math.floor(LEARNING * min(count, LONGEST))


def score(count: int, windows: Sequence[tuple[int, int]], detections: Sequence[int]) -> Score:
    """For ``count`` values, ``windows`` as (first, last) positions and the positions of ``detections``. Windows must
    not overlap. Several series are scored together by adding up their scores, not by averaging."""
    windows = sorted(windows)
    lasts = [last for _, last in windows]
    points, found = 0.0, set()
    for at in sorted(detections):
        if at < learning(count):
            continue
        which = bisect_left(lasts, at)
        if which < len(windows) and windows[which][0] <= at:
            if which not in found:
                first, last = windows[which]
                found.add(which)
                points += HIT * _weight(-(last - at + 1) / (last - first + 1)) / _weight(-1.0)
        elif which == 0:
            points -= FALSE
        else:
            first, last = windows[which - 1]
            points += FALSE * _weight((at - last) / max(1, last - first))
    missed = MISSED * len(windows)
    return Score(points - MISSED * (len(windows) - len(found)), -missed, HIT * len(windows))


def _weight(place: float) -> float:
    """From 0.99 at the beginning of a window (-1) over 0 at its end (0) to -1 far behind it."""
    return -1.0 if place > FAR else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0

"""How much slower one upstream is than its peers: one number, learned from ratios. Pure; times are passed in.

The mean logarithm of observed over expected seconds, where what is expected is a line that all peers taught. One number
with little noise tells equals apart less than lines of their own would, and that matters most: between equals an
imagined difference is a loss. It is drawn towards 1 while few samples tell it, and when the last was long ago: so an
upstream that was slow is tried again.
"""

from __future__ import annotations

import math
from typing import Final

from penstock.core.line import Line

WEIGHT: Final = 0.2
"""Of a new sample against all before."""
PRIOR: Final = 2.0
"""So many samples' worth of belief that it is like the others."""
FADE_SECONDS: Final = 600.0
MOST: Final = 20.0
"""Nothing is believed to be more than so many times slower or faster."""


class Pace:
    """``points``: samples so far."""

    __slots__ = ("_at", "_mean", "_weight", "points")

    def __init__(self) -> None:
        self.points = 0
        self._mean = 0.0
        self._weight = 0.0
        self._at = 0.0

    def learn(self, took: float, expected: float, now: float) -> None:
        """It ``took`` so long where ``expected`` was usual."""
        if expected <= 0.0:
            return
        sample = math.log(min(MOST, max(1.0 / MOST, took / expected)))
        self._mean += WEIGHT * (sample - self._mean)
        self._weight = self._believed(now) * (1.0 - WEIGHT) + 1.0
        self._at = now
        self.points += 1

    def _believed(self, now: float) -> float:
        silent = now - self._at
        return self._weight * math.exp(-silent / FADE_SECONDS) if silent > 1.0 else self._weight

    def ratio(self, now: float) -> float:
        """Above 1 for one that is slower than its peers."""
        if not self._weight:
            return 1.0
        weight = self._believed(now)
        return math.exp(self._mean * weight / (weight + PRIOR))

    def told(self) -> tuple[int, float, float, float]:
        """All that it is, as plain values: for ``restore``."""
        return self.points, self._mean, self._weight, self._at

    def restore(self, told: tuple[int, float, float, float]) -> None:
        """Be as another one was."""
        self.points, self._mean, self._weight, self._at = told

    def of(self, line: Line) -> Line:
        """The peers' ``line`` at this pace; the very same where nothing was learned."""
        if not self.points:
            return line
        own = Line(line.base * (ratio := self.ratio(self._at)), line.slope * ratio)
        own.weight = min(float(self.points), line.weight)
        return own

    def __repr__(self) -> str:
        return f"<Pace {math.exp(self._mean):.2f} on {self._weight:.1f} samples>"

"""A peak-sensitive moving average: it jumps up to any larger sample and comes down slowly. Pure; times are passed in.

cost ← sample if sample > cost, else sample + (cost − sample) · e^(−Δt/τ) (Finagle, ``PeakEwma.scala``; τ = 10 s).
Without samples it comes down as well, or one slow answer would keep an upstream from ever being tried again.
"""

from __future__ import annotations

import math

TAU_SECONDS = 10.0


class Peak:
    """``value`` is None until the first sample."""

    __slots__ = ("_at", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self._at = 0.0

    def learn(self, sample: float, now: float) -> None:
        """Take in one sample of the moment ``now``."""
        value = self.value
        if value is None or sample >= value:
            self.value = sample
        else:
            self.value = sample + (value - sample) * self._left(now)
        self._at = now

    def at(self, now: float, usual: float) -> float:
        """The average as of ``now``: what was above ``usual`` comes down to it, Finagle's to 0 (a server that has been
        idle would then draw all calls until its next sample). ``usual`` itself while there is no sample."""
        value = self.value
        if value is None:
            return usual
        return usual + (value - usual) * self._left(now) if value > usual else value

    def _left(self, now: float) -> float:
        """The share of an excess that is left of it by ``now``."""
        return math.exp((self._at - now) / TAU_SECONDS) if now > self._at else 1.0

    def __repr__(self) -> str:
        return f"<Peak {self.value}>"

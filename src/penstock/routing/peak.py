"""A peak-sensitive moving average: it jumps up to any larger sample and comes down slowly. Pure; times are passed in.

cost ← sample if sample > cost, else sample + (cost − sample) · e^(−Δt/τ) (Finagle, ``PeakEwma.scala``; τ = 10 s).
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
            self.value = sample + (value - sample) * math.exp((self._at - now) / TAU_SECONDS)
        self._at = now

    def __repr__(self) -> str:
        return f"<Peak {self.value}>"

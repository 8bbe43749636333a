"""Histograms as plain lists: one bisect and two additions an observation. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Final

SECONDS: Final[tuple[float, ...]] = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
"""Bounds in seconds for what upstreams take."""

OVERHEAD_SECONDS: Final[tuple[float, ...]] = (
    0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.15, 0.5, 1.0,
)  # fmt: skip
"""Bounds in seconds for Penstock's own share."""

GAP_SECONDS: Final[tuple[float, ...]] = (
    0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0,
)  # fmt: skip
"""Bounds in seconds from token to token."""

CONNECT_SECONDS: Final[tuple[float, ...]] = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Bounds in seconds for the making of a connection."""


class Histogram:
    """Counts by upper bound (inclusive, the last is infinity), and the sum of what was observed."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def fill(self, values: Sequence[float]) -> None:
        """Count many values."""
        counts = self.counts
        for at in map(partial(bisect_left, self.bounds), values):
            counts[at] += 1
        self.sum += sum(values)

    def add(self, counts: list[int], total: float) -> None:
        """Merge another histogram of the same bounds. Raises ValueError when they differ in number."""
        if len(counts) != len(self.counts):
            raise ValueError(f"{len(counts)} buckets cannot be added to {len(self.counts)}")
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, counts, strict=True)]
        self.sum += total

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """The upper bound of the bucket in which the ``share`` quantile lies; 0 when nothing was observed."""
        rank = share * self.count
        seen = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if count and seen >= rank:
                return bound
        return 0.0

    def __repr__(self) -> str:
        return f"<Histogram {self.count} observed, sum {self.sum:g}>"

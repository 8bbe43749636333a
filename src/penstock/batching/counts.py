"""What came of batches: gauges of now, counters, histograms. Pure. Leaves: a ``dump`` of plain values."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

OUTCOMES = ("ok", "split", "failed", "mismatched", "left")
"""What a merged call came to: dealt out, failed for its items, failed whole, not understood, nobody stayed."""
REASONS = ("free", "large", "unfit", "memory", "windows")
"""Why a call went alone: nobody to go with, a batch by itself, upstreams do not understand merged ones, a bound."""
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0)
WAITS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class Counts:
    """The numbers of one worker. ``waiting`` callers are in batches that have not left, ``made`` were begun; ``items``
    left in merged calls, of ``callers``; ``rejected`` calls failed by themselves after a split, ``spared``: upstream
    calls not made."""

    __slots__ = (
        "alone", "batches", "callers", "items", "made", "rejected", "sizes", "spared", "splits", "wait_seconds",
        "waiting", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        self.waiting = 0
        self.made = 0
        self.callers = 0
        self.items = 0
        self.spared = 0
        self.splits = 0
        self.rejected = 0
        self.batches: Counter[tuple[str, str]] = Counter()
        self.alone: Counter[tuple[str, str]] = Counter()
        self.sizes = [0] * (len(SIZES) + 1)
        self.waits = [0] * (len(WAITS) + 1)
        self.wait_seconds = 0.0

    def left(self, items: int, callers: int) -> None:
        """A merged call was sent."""
        self.items += items
        self.callers += callers
        self.sizes[bisect_left(SIZES, items)] += 1

    def waited(self, seconds: float) -> None:
        """A caller has waited so long for others."""
        self.waits[bisect_left(WAITS, seconds)] += 1
        self.wait_seconds += seconds

    def dump(self) -> dict[str, Any]:
        """All numbers as plain values."""
        return {
            "waiting": self.waiting,
            "callers": self.callers,
            "items": self.items,
            "spared": self.spared,
            "splits": self.splits,
            "rejected": self.rejected,
            "batches": [[operation, outcome, number] for (operation, outcome), number in self.batches.items()],
            "alone": [[operation, reason, number] for (operation, reason), number in self.alone.items()],
            "sizes": list(self.sizes),
            "waits": list(self.waits),
            "wait_seconds": self.wait_seconds,
        }

    def __repr__(self) -> str:
        return f"<Counts {self.waiting} wait, {self.callers} left in {sum(self.sizes)} merged calls>"

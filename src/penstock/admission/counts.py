"""What became of calls that had to wait, or might not. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

from penstock.core.priority import NAMES

WAITS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds in seconds."""


class Counts:
    """``waits``: by class, waits that ended with a seat, by their length, and their sum; ``shed``: calls that were
    refused or had to go, by reason and class; ``preempted``: seats that were taken from calls, by their class."""

    __slots__ = ("preempted", "seconds", "shed", "waits")

    def __init__(self) -> None:
        self.waits = [[0] * (len(WAITS) + 1) for _ in NAMES]
        self.seconds = [0.0] * len(NAMES)
        self.shed: Counter[tuple[str, int]] = Counter()
        self.preempted = [0] * len(NAMES)

    def waited(self, rank: int, seconds: float) -> None:
        """A call got a seat after so long."""
        self.waits[rank][bisect_left(WAITS, seconds)] += 1
        self.seconds[rank] += seconds

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "bounds": list(WAITS),
            "waits": {name: [list(self.waits[rank]), self.seconds[rank]] for rank, name in enumerate(NAMES)},
            "shed": [[reason, NAMES[rank], number] for (reason, rank), number in self.shed.items()],
            "preempted": dict(zip(NAMES, self.preempted, strict=True)),
        }

    def __repr__(self) -> str:
        return f"<Counts {sum(map(sum, self.waits))} waited, {self.shed.total()} shed>"

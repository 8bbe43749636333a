"""What calls went without. Pure. Leaves: a ``dump`` of plain values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from penstock.core.priority import NAMES

KINDS = ("max_tokens", "model", "cache_stale")


class Counts:
    """The numbers of one worker. ``on``: steps that are on, by their numbers from 1; ``steps``: how many there are."""

    __slots__ = ("calls", "on", "opted_out", "steps")

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, int]] = Counter()
        self.opted_out = 0
        self.steps = 0
        self.on: tuple[int, ...] = ()

    def note(self, degraded: str, priority: int) -> None:
        """A call has ended that was given less, as its exchange says."""
        for part in degraded.split(", "):
            kind = part.partition("=")[0]
            if kind in KINDS:
                self.calls[kind, priority] += 1

    def dump(self) -> dict[str, Any]:
        """All numbers as plain values."""
        return {
            "calls": [[kind, NAMES[rank], number] for (kind, rank), number in sorted(self.calls.items())],
            "opted_out": self.opted_out,
            "steps": self.steps,
            "on": [number + 1 for number in self.on],
        }

    def __repr__(self) -> str:
        return f"<Counts {sum(self.calls.values())} given less, {len(self.on)} of {self.steps} steps on>"

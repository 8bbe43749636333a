"""How many calls of better classes keep coming for a place while others wait there. Pure.

Enters: each call that begins to wait, by its class, and the moment. Leaves: calls a second of classes better than one:
the least of the last few seconds, so that a burst, which is over once it is served, is not taken for a stream.
"""

from __future__ import annotations

from collections import deque

from penstock.core.priority import NAMES

SECONDS = 1.0
"""That one count takes."""
KEPT = 3
"""Counts that must agree."""


class Arrivals:
    """See the module."""

    __slots__ = ("_counts", "_past", "_since")

    def __init__(self) -> None:
        self._since = 0.0
        self._counts = [0.0] * len(NAMES)
        self._past: deque[list[float]] = deque(maxlen=KEPT)

    def roll(self, now: float) -> None:
        """Time has gone on."""
        over = int((now - self._since) / SECONDS)
        if over <= 0:
            return
        self._past.append(self._counts)
        self._counts = [0.0] * len(NAMES)
        for _ in range(min(over - 1, KEPT)):
            self._past.append([0.0] * len(NAMES))
        self._since += over * SECONDS

    def note(self, rank: int, part: float) -> None:
        """One more waits; ``part`` of it counts here, where it may sit in several places."""
        self._counts[rank] += part

    def better(self, rank: int) -> float:
        """Calls a second of classes better than ``rank``."""
        if not rank or len(self._past) < KEPT:
            return 0.0
        return min(sum(counts[:rank]) for counts in self._past) / SECONDS

    def __repr__(self) -> str:
        return f"<Arrivals {self.better(len(NAMES)):.3g} a second>"

"""How many callers there are, and how close together they come. Pure.

Enters: the moment of each call, and how many others were there then. Leaves: estimates. May fail: not at all.
"""

from __future__ import annotations

FORGET = 0.1
LEARN = 1.0 / 16.0
LONGEST_GAP = 1.0


class Crowd:
    """``size``: callers at a time, the most there lately were; ``gap``: seconds from one call to the next."""

    __slots__ = ("_last", "gap", "size")

    def __init__(self) -> None:
        self.size = 1.0
        self.gap = LONGEST_GAP
        self._last = 0.0

    def came(self, now: float, others: int) -> None:
        """A call came, beside ``others``."""
        gap = min(now - self._last, LONGEST_GAP)
        self._last = now
        self.gap += (gap - self.gap) * (LEARN if gap > self.gap else 2 * LEARN)
        count = 1.0 + others
        self.size = count if count > self.size else self.size + (count - self.size) * FORGET

    def __repr__(self) -> str:
        return f"<Crowd of {self.size:.1f}, one each {self.gap * 1000:.2f} ms>"

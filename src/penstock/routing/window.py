"""Two counts over the last seconds: all that happened, and what of it is marked. Pure; times are passed in.

A sliding window counter: the present period, and of the one before the share that still lies in the window. Whoever
counts on a hot path does it in place: ``if now >= window.turn: window.slide(now)``, then ``window.all += 1``.
"""

from __future__ import annotations


class Window:
    """``seconds`` is its length; ``all`` and ``marked`` are counts of the present period, which ends at ``turn``."""

    __slots__ = ("_all_before", "_marked_before", "all", "marked", "seconds", "turn")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.all = self._all_before = 0
        self.marked = self._marked_before = 0
        self.turn = 0.0

    def slide(self, now: float) -> None:
        """The present period is over: it becomes the one before, or is forgotten if a whole one has passed since."""
        if now < self.turn + self.seconds:
            self._all_before, self._marked_before = self.all, self.marked
            self.turn += self.seconds
        else:
            self._all_before = self._marked_before = 0
            self.turn = now + self.seconds
        self.all = self.marked = 0

    def sums(self, now: float) -> tuple[float, float]:
        """All, and the marked, in the window that ends now."""
        if now >= self.turn:
            self.slide(now)
        inside = min(1.0, (self.turn - now) / self.seconds)
        return self.all + inside * self._all_before, self.marked + inside * self._marked_before

    def __repr__(self) -> str:
        return f"<Window of {self.seconds:g} s, {self.marked} of {self.all} marked>"

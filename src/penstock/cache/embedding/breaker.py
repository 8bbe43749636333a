"""When an embedder that fails is left alone, and when it is tried again. Pure: time is passed in, in seconds.

Enters how trips to it ended. Leaves whether one may be made. It opens after failures in a row, or at once after one
that hung; for a time that doubles up to a bound. Then one text is the trial, and its end decides.
"""

from __future__ import annotations

FAILURES = 3
FIRST = 5.0
LONGEST = 300.0


class Breaker:
    """``state`` is for reading: closed, open or trial."""

    __slots__ = ("_pause", "_row", "_until", "openings", "state")

    def __init__(self) -> None:
        self.state = "closed"
        self.openings = 0
        self._pause = FIRST
        self._row = 0
        self._until = 0.0

    def may(self, now: float) -> bool:
        """Whether a text may be sent. A yes while it is open makes that text the trial."""
        if self.state == "closed":
            return True
        if self.state == "trial" or now < self._until:
            return False
        self.state = "trial"
        return True

    def well(self) -> None:
        """A trip ended well. One that was under way before it opened says nothing any more."""
        if self.state == "open":
            return
        self.state = "closed"
        self._row = 0
        self._pause = FIRST

    def ill(self, now: float, *, hung: bool = False) -> bool:
        """A trip failed. Whether that opened it."""
        self._row += 1
        if self.state == "open" or (self.state == "closed" and self._row < FAILURES and not hung):
            return False
        self.state = "open"
        self.openings += 1
        self._row = 0
        self._until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST)
        return True

    def __repr__(self) -> str:
        return f"<Breaker {self.state}, opened {self.openings} times>"

"""How many retries a model may still make, so that they cannot storm. Pure; times are passed in.

Each call deposits ``share`` of a retry, each retry withdraws one; both are forgotten after ``TTL_SECONDS``. A floor of
``LEAST_PER_SECOND`` lets a quiet model retry as well (Finagle, ``RetryBudget.scala``: 20 %, 10 s, 10 a second).
"""

from __future__ import annotations

from typing import Final

from penstock.routing.window import Window

TTL_SECONDS: Final = 10.0
LEAST_PER_SECOND: Final = 10


class RetryBudget:
    """``share``: retries allowed for a call; 0 allows none at all. ``refused``: retries that were not made."""

    __slots__ = ("_calls", "refused", "share")

    def __init__(self, share: float = 0.2) -> None:
        self.share = share
        self.refused = 0
        self._calls = Window(TTL_SECONDS)

    def deposit(self, now: float) -> None:
        """A call has come."""
        calls = self._calls
        if now >= calls.turn:
            calls.slide(now)
        calls.all += 1

    def left(self, now: float) -> float:
        """The retries that could be made now."""
        if not self.share:
            return 0.0
        calls, made = self._calls.sums(now)
        return max(0.0, self.share * calls + LEAST_PER_SECOND * TTL_SECONDS - made)

    def withdraw(self, now: float) -> bool:
        """Whether one more retry may be made; it then is counted."""
        if self.left(now) < 1.0:
            self.refused += 1
            return False
        self._calls.marked += 1
        return True

    def __repr__(self) -> str:
        return f"<RetryBudget {self.share:g} a call, {self.refused} refused>"

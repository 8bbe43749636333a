"""Whether one change is there, with hysteresis; and the noun for a change that is. Pure."""

from __future__ import annotations

from typing import NamedTuple

from penstock.insight.anomalies.rows import Scope

PERSISTS = 2
"""Windows in a row in which it must be flagged."""
SEEN = 6
"""Windows in a row in which it was suspected, after which it need be flagged but once: chance is less patient."""
CALM = 6
"""Windows in a row after which it is over."""
LONGEST = 360
"""Windows after which what is so is usual."""
GROWS = -1


class Symptom(NamedTuple):
    """A change of ``measure`` in the calls of ``scope`` (of a gauge: none). ``change`` as in a Verdict; ``sure``:
    flagged, not only suspected; ``since``: the first window in which it was seen."""

    measure: str
    scope: Scope
    actual: float
    expected: float
    change: float
    off: float
    sure: bool
    since: float
    key: str = ""
    span: int = 2
    """Which of the lengths of time showed it most; GROWS for what is not too much yet."""

    @property
    def up(self) -> bool:
        """Whether it became more."""
        return self.change > 0


class Track:
    """Follows one change of one scope, window by window."""

    __slots__ = ("active", "calm", "for_", "seen", "since", "streak", "tainted")

    def __init__(self) -> None:
        self.active = False
        self.streak = 0
        self.seen = 0
        """Windows in a row in which it was flagged or suspected."""
        self.calm = 0
        self.for_ = 0
        self.since = 0.0
        self.tainted = 0
        """Windows in which nothing is to be learned, because some of them are not as usual."""

    def take(self, time: float, is_flagged: bool, is_suspect: bool, lag: int) -> bool:
        """Whether the change is there now."""
        if is_suspect or is_flagged:
            if not self.seen and not self.active:
                self.since = time
            self.seen += 1
            self.calm = 0
        if is_flagged:
            self.streak += 1
            self.tainted = lag
            if self.streak >= PERSISTS or self.seen > SEEN:
                self.active = True
        else:
            self.tainted = max(0, self.tainted - 1)
            self.streak = 0
            if not is_suspect:
                self.seen = 0
                self.calm += 1
                if self.calm >= CALM:
                    self.active = False
        self.for_ = self.for_ + 1 if self.active else 0
        return self.active

    @property
    def rests(self) -> bool:
        """Nothing has been there for so long that nothing is to be counted."""
        return not self.streak and not self.tainted and self.calm >= CALM

    @property
    def overdue(self) -> bool:
        """It has been there for so long that it is usual now."""
        return self.for_ >= LONGEST

    def end(self) -> None:
        """It is usual now."""
        self.active = False
        self.streak = self.seen = self.calm = self.for_ = self.tainted = 0

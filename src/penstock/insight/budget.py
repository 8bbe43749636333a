"""Good and bad events of one objective over its window, and how fast they spend its error budget. Pure.

Enters: counts with their times, in order. Leaves: counts of the last so many seconds. Minutes of six hours and hours
of the window are kept: about a thousand pairs of numbers for 30 days, however many calls there are.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MINUTE, HOUR = 60.0, 3600.0
FINE_SECONDS = 6 * 3600.0
"""Longer spans are told by whole hours."""


class Counted(NamedTuple):
    """``bad`` of ``total``."""

    total: int
    bad: int

    @property
    def share(self) -> float:
        """Of the bad; 0 where nothing was."""
        return self.bad / self.total if self.total else 0.0


class _Bins:
    """Counts by time in bins of ``step`` seconds, for the last ``kept`` seconds."""

    __slots__ = ("bins", "kept", "step")

    def __init__(self, step: float, kept: float) -> None:
        self.step = step
        self.kept = kept
        self.bins: deque[list[float]] = deque()

    def add(self, at: float, total: int, bad: int) -> None:
        begin = at - at % self.step
        if not self.bins or begin > self.bins[-1][0]:
            self.bins.append([begin, 0, 0])
        self.bins[-1][1] += total
        self.bins[-1][2] += bad
        while self.bins[0][0] <= begin - self.kept:
            self.bins.popleft()

    def last(self, now: float, seconds: float) -> Counted:
        """Bins that began in the last ``seconds``."""
        total = bad = 0.0
        for begin, number, wrong in reversed(self.bins):
            if begin <= now - seconds - self.step / 2:
                break
            total += number
            bad += wrong
        return Counted(int(total), int(bad))


class Budget:
    """``target``: the share that must be good. ``window``: seconds over which the budget counts."""

    def __init__(self, target: float, window: float) -> None:
        self.target = target
        self.window = window
        self.began: float | None = None
        self._minutes = _Bins(MINUTE, min(window, FINE_SECONDS))
        self._hours = _Bins(HOUR, window)

    def add(self, at: float, total: int, bad: int) -> None:
        """``bad`` of ``total`` events were bad at the time ``at``. Those that come after later ones count as now."""
        if self.began is None:
            self.began = at
        self._minutes.add(at, total, bad)
        self._hours.add(at, total, bad)

    @property
    def allowed(self) -> float:
        """The share that may be bad."""
        return 1.0 - self.target

    def counted(self, now: float, seconds: float) -> Counted:
        """Of the last ``seconds``."""
        bins = self._minutes if seconds <= self._minutes.kept else self._hours
        return bins.last(now, seconds)

    def burn(self, now: float, seconds: float) -> float:
        """How many times faster than evenly the budget was spent in the last ``seconds``."""
        return self.counted(now, seconds).share / self.allowed

    def left(self, now: float) -> float:
        """The share of the budget that is left: below 0 when more was spent than there was."""
        whole = self.counted(now, self.window)
        return 1.0 - whole.share / self.allowed if whole.total else 1.0

    def __repr__(self) -> str:
        return f"<Budget {self.target} over {self.window / 86_400:.0f} d>"

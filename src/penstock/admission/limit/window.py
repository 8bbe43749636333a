"""How late an upstream is: the median of its last calls, of as many as it takes to know it. Pure.

Enters: the seconds of calls. Leaves: a Median of those that can be compared: of first tokens where they are told, for
a whole answer takes the longer the more it says. Where somebody knows what a prompt should take, its length is taken
out. Bounded by MOST. May fail: not at all.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from penstock.admission.limit.limit import Outcome

ENOUGH = 10
"""Samples at least: Netflix's WindowedLimit takes as many."""
MOST = 250
SURE = 0.1
"""A standard error of that part of a median is small enough. Even times need ten samples for it, exponentially
distributed ones over two hundred."""
RELATIVE, FIRST, WHOLE = range(3)
_ALL_CLEAR = 3.0
"""Standard errors that tell a difference before the median is sure."""


class Median(NamedTuple):
    """``rate``: calls that began a second. ``error``: its standard error, in seconds."""

    kind: int
    seconds: float
    error: float
    rate: float


class Window:
    """See the module. ``since``: calls that began earlier are not counted, they were made under another limit.
    ``peak``: the most calls that were in flight."""

    __slots__ = ("_begun", "_expected", "_kinds", "_rate", "_told", "opened", "peak", "since")

    def __init__(self) -> None:
        self._kinds: tuple[list[float], list[float], list[float]] = ([], [], [])
        self._told = False
        self._begun = 0
        self._rate = 0.0
        self._expected = 0.0
        self.since = self.opened = float("-inf")
        self.peak = 0

    def open(self, now: float) -> None:
        """Begin anew."""
        if now > self.opened > float("-inf") and self._begun:
            rate = self._begun / (now - self.opened)
            self._rate += 0.3 * (rate - self._rate) if self._rate else rate
        self.opened = now
        self.peak = self._begun = 0
        for kind in self._kinds:
            kind.clear()

    def begin(self, in_flight: int, now: float) -> None:
        """A call begins."""
        if self.opened == float("-inf"):
            self.opened = now
        self._begun += 1
        if in_flight > self.peak:
            self.peak = in_flight

    def first(self, now: float, took: float, expected: float) -> None:
        """A first token."""
        self._told = True
        if now - took < self.since:
            return
        if expected <= 0.0:
            self._put(FIRST, took)
            return
        # In seconds of a call of usual length.
        self._expected += 0.02 * (expected - self._expected) if self._expected else expected
        self._put(RELATIVE, took / expected * self._expected)

    def done(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        """An end. Of answers that are no streams, who failed or left would have had to wait at least so long: that
        counts where it is longer than the others', for else an upstream that serves nobody in time would tell nothing.
        Where streams tell first tokens it does not: whether a stream was asked for is not known here."""
        if now - took < self.since or outcome == "overload":
            return
        if outcome != "ok":
            whole = self._kinds[WHOLE]
            if first_token is None and not self._told and whole and took > max(whole):
                self._put(WHOLE, took)
        elif first_token is None:
            self._put(WHOLE, took)
        elif not self._told:
            self._put(FIRST, first_token)

    def _put(self, kind: int, value: float) -> None:
        samples = self._kinds[kind]
        if len(samples) < MOST:
            samples.append(value)

    def median(self, now: float, usual: tuple[float, float, float], *, rough: bool = False) -> Median | None:
        """None while too little is known: the median is not sure yet, and not clearly above what is usual for its
        kind. ``rough``: the fewest samples are enough."""
        for kind, samples in enumerate(self._kinds):
            count = len(samples)
            if count >= ENOUGH:
                # Sorting is the cost of it: not at each of many samples.
                if count > 2 * ENOUGH and count % ENOUGH and count < MOST:
                    return None
                ordered = sorted(samples)
                middle = ordered[count // 2]
                spread = ordered[(3 * count) // 4] - ordered[count // 4]
                error = 0.93 * spread / sqrt(count)  # of normal distributions
                clear = usual[kind] and middle - _ALL_CLEAR * error > usual[kind]
                if error > SURE * middle and count < MOST and not clear and not rough:
                    return None
                rate = self._rate or self._begun / max(now - self.opened, 1e-3)
                return Median(kind, middle, error, rate)
        return None

    def __repr__(self) -> str:
        return f"<Window {'+'.join(str(len(kind)) for kind in self._kinds)} samples, {self.peak} in flight>"

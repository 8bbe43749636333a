"""A limit that follows how many calls wait inside the upstream. Pure.

They are, by Little's law, its calls a second times the seconds by which they are later than with room: TCP Vegas
(Brakmo and Peterson, 1995) keeps as few of them as this does, and Netflix's concurrency-limits (Vegas, gradient2) do so
for calls. What is usual is no long average, as in gradient2, which follows an overload that lasts: now and then the
limit goes down for a moment, and those calls tell (as its gradient does). A doubling start finds the neighbourhood.
May fail: not at all.
"""

from __future__ import annotations

from math import sqrt

from penstock.admission.limit.limit import Outcome
from penstock.admission.limit.window import Median, Window

REFUSED = 0.8
"""What an answer that refuses leaves of the limit."""
TOLERANCE = 1.1
"""A median that is later than usual by less than this is chance."""
HEADROOM = 0.5
"""Times the root of the limit: calls that may wait in the upstream, so that it never stands idle."""
PROBE = 0.7
"""What is left of the limit while it is found out what is usual."""
FIRST_PROBE = 0.4
"""The same after the start, which may have gone too far."""
PROBE_SECONDS = 30.0
FIRST_PROBE_SECONDS = 5.0
PROBE_SHARE = 20.0
"""A probe holds calls back: it may last this part of the time at most."""
LONGEST_PROBE_SECONDS = 20.0
"""An upstream that tells nothing meanwhile is no reason to hold calls back."""
CHANGED = 0.8
"""So much quicker in a probe than what was held for usual, and that was wrong."""
FULL = 0.9
"""Of the limit in use, and the start doubles it."""
_STEP = 0.7
"""Of the way down: the rest may be chance."""


class Gradient:
    """See the module."""

    __slots__ = (
        "_fell", "_least", "_most", "_probe", "_probed", "_probing", "_size", "_starting", "_usual", "_window", "limit",
    )  # fmt: skip

    def __init__(self, initial: int, least: int, most: int) -> None:
        self._least = max(1, least)
        self._most = max(self._least, most)
        self._size = float(min(max(initial, self._least), self._most))
        self._window = Window()
        self._usual = (0.0, 0.0, 0.0)
        self._starting = True
        self._probed = self._probing = False
        self._probe = float("inf")
        self._fell = float("-inf")
        self.limit = int(self._size)

    def begin(self, in_flight: int, now: float) -> None:
        window = self._window
        window.begin(in_flight, now)
        if self._probing:
            if now - window.opened > LONGEST_PROBE_SECONDS:
                self._end_probe(now)
        elif now >= self._probe and in_flight * 2 >= self.limit:
            self._begin_probe(now)

    def first(self, now: float, took: float, expected: float = 0.0) -> None:
        self._window.first(now, took, expected)
        self._weigh(now)

    def done(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        self._window.done(now, took, first_token, outcome)
        if outcome != "overload":
            self._weigh(now)
        elif now - took >= self._fell:  # one that was sent before the limit fell says nothing of it
            self._starting = self._probing = False
            self._probe = min(self._probe, now + FIRST_PROBE_SECONDS)
            self._become(self._size * REFUSED, now)
            self._fell = self._window.since = now

    def _weigh(self, now: float) -> None:
        told = self._window.median(now, self._usual, rough=self._starting)
        if told is None:
            return
        usual = self._usual[told.kind]
        if self._probing:
            # What earlier probes said counts half: this one may have met chance, or the upstream may have changed.
            lower = told.seconds < CHANGED * usual
            self._learn(told, (usual + told.seconds) / 2.0 if self._probed and not lower else told.seconds)
            self._probed = True
            self._end_probe(now)
            if lower:  # the limit was too high, and may have been so in the probe
                self._probe = now + FIRST_PROBE_SECONDS
            return
        if not usual:
            usual = self._learn(told, told.seconds)
        waiting = max(0.0, told.rate * (told.seconds - TOLERANCE * usual - told.error))
        headroom = HEADROOM * sqrt(self._size)
        used = self._window.peak * 2 >= self.limit
        if self._starting and waiting <= headroom:
            full = self._window.peak >= FULL * self.limit  # half would double it far beyond what anybody asked for
            self._become(self._size * 2.0 if full else self._size, now)
            return
        if self._starting:
            self._starting = False
            self._probe = now + FIRST_PROBE_SECONDS
        step = headroom - waiting
        if step < 0.0:
            step = max(step * _STEP, -self._size / 2.0)
        elif not used:
            step = 0.0
        self._become(self._size + step, now)

    def _learn(self, told: Median, seconds: float) -> float:
        usual = list(self._usual)
        usual[told.kind] = seconds
        self._usual = (usual[0], usual[1], usual[2])
        return seconds

    def _begin_probe(self, now: float) -> None:
        self._probing = True
        self._window.open(now)
        self._window.since = now
        self.limit = max(self._least, int(self._size * (PROBE if self._probed else FIRST_PROBE)))

    def _end_probe(self, now: float) -> None:
        self._probing = False
        self._probe = now + max(PROBE_SECONDS, PROBE_SHARE * (now - self._window.opened))
        self._become(self._size, now)

    def _become(self, size: float, now: float) -> None:
        """Another limit; only calls that begin under it tell of it."""
        self._size = min(max(size, self._least), self._most)
        self._window.open(now)
        if int(self._size) != self.limit:
            self._window.since = now
            self.limit = int(self._size)

    def __repr__(self) -> str:
        return f"<Gradient {self._size:.1f} of {self._least} to {self._most}{' starting' * self._starting}>"

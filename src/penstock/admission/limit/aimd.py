"""A limit that grows by one a round and falls by a part when the upstream is late or refuses. Pure.

Additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the increase and decrease algorithms for
congestion avoidance in computer networks" (1989); as a limit of calls in Netflix's concurrency-limits (AIMDLimit).
It needs a goal for the time to the first token, or an upstream that says 429. May fail: not at all.
"""

from __future__ import annotations

from penstock.admission.limit.limit import Outcome
from penstock.admission.limit.window import Window

REFUSED = 0.75
"""What an answer that refuses leaves of the limit."""


class Aimd:
    """See the module. ``goal``: seconds to the first token (of whole answers: to their end) at the median;
    None: only refusals make it fall. ``backoff``: what is left of the limit after a late round."""

    __slots__ = ("_backoff", "_fell", "_goal", "_least", "_most", "_size", "_window", "limit")

    def __init__(self, initial: int, least: int, most: int, goal: float | None, backoff: float = 0.9) -> None:
        self._least = max(1, least)
        self._most = max(self._least, most)
        self._size = float(min(max(initial, self._least), self._most))
        self._goal = goal
        self._backoff = backoff
        self._fell = float("-inf")
        self._window = Window()
        self.limit = int(self._size)

    def begin(self, in_flight: int, now: float) -> None:
        self._window.begin(in_flight, now)

    def first(self, now: float, took: float, expected: float = 0.0) -> None:
        self._window.first(now, took, 0.0)
        self._weigh(now)

    def done(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        window = self._window
        window.done(now, took, first_token, outcome)
        if outcome == "overload":
            if now - took >= self._fell:  # one that was sent before the limit fell says nothing of it
                self._fall(now, REFUSED)
            return
        if outcome == "ok" and window.peak * 2 >= self.limit:
            self._become(self._size + 1.0 / self._size)
        self._weigh(now)

    def _weigh(self, now: float) -> None:
        goal = self._goal or 0.0
        told = self._window.median(now, (goal, goal, goal))
        if told is None:
            return
        if goal and told.seconds > goal:
            self._fall(now, self._backoff)
        else:
            self._window.open(now)

    def _fall(self, now: float, part: float) -> None:
        """Only calls that begin from now on count from now on."""
        self._fell = self._window.since = now
        self._window.open(now)
        self._become(self._size * part)

    def _become(self, size: float) -> None:
        self._size = min(max(size, self._least), self._most)
        self.limit = int(self._size)

    def __repr__(self) -> str:
        return f"<Aimd {self._size:.1f} of {self._least} to {self._most}>"

"""How many lines of a job may be in flight: what its upstreams bear, in the room that other calls leave. Pure.

Enters: how each line went, how full the gateway is, the time. Leaves: a number. One more a success at first, then one
more a round; half as many, and a pause, when an upstream is full (AIMD: Chiu and Jain, 1989).
"""

from __future__ import annotations

from penstock.core.overload import Overload

FIRST = 4.0
CUT_SECONDS = 1.0
"""Lines that were in flight together are refused together: that is one refusal."""
SHORTEST_PAUSE = 0.25
LONGEST_PAUSE = 60.0


class Pace:
    """See the module. ``most`` lines in flight; ``load``: the share of the gateway's capacity above which none are."""

    def __init__(self, most: int, load: float) -> None:
        self.most = most
        self.load = load
        self.limit = min(FIRST, most)
        self.cuts = 0
        self.paused = ""
        self._slow_start = True
        self._until = 0.0
        self._cut_at = float("-inf")
        self._pause = SHORTEST_PAUSE

    def room(self, in_flight: int, ours: int, overload: Overload, now: float) -> int:
        """How many more lines may be sent; ``ours``: the lines of all jobs among the calls that ``overload`` counts."""
        if now < self._until:
            self.paused = "refused"
            return 0
        others = max(0, overload.in_flight + overload.waiting - ours)
        spare = int(self.load * overload.limit) - others
        self.paused = "load" if spare <= 0 else ""
        return max(0, min(int(self.limit), spare) - in_flight)

    def well(self) -> None:
        """A line was answered."""
        self._pause = SHORTEST_PAUSE
        self.limit = min(float(self.most), self.limit + (1.0 if self._slow_start else 1.0 / self.limit))

    def full(self, now: float, come_back: float | None) -> None:
        """An upstream, or the gateway, took no more."""
        wait = min(self._pause if come_back is None else come_back, LONGEST_PAUSE)
        self._until = max(self._until, now + wait)
        if now < self._cut_at + CUT_SECONDS:
            return
        self._cut_at = now
        self.cuts += 1
        self._slow_start = False
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.limit = max(1.0, self.limit / 2)

    def __repr__(self) -> str:
        return f"<Pace {self.limit:.1f} of {self.most}{', pauses' if self.paused else ''}>"

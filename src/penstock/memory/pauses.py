"""How long collections of garbage held everything up, and what they freed: sums, the longest, a minute. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

BOUNDS_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
MINUTE = 60.0
GENERATIONS = 3


class Pauses:
    """By generation of Python's collector; how long was paused in this minute and in the last full one."""

    __slots__ = ("_last", "_minute", "_this", "buckets", "freed", "longest", "seconds", "stuck", "times", "worst")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_SECONDS) + 1)
        self.times = [0] * GENERATIONS
        self.freed = [0] * GENERATIONS
        self.seconds = 0.0
        self.longest = 0.0
        self.worst = 0.0
        self.stuck = 0
        self._minute = 0
        self._this = 0.0
        self._last = 0.0

    def note(self, now: float, generation: int, seconds: float, freed: int, stuck: int) -> None:
        """A collection ended. ``stuck`` objects could not be freed."""
        self._turn(now)
        self.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.times[generation] += 1
        self.freed[generation] += freed
        self.stuck += stuck
        self.seconds += seconds
        self._this += seconds
        self.worst = max(self.worst, seconds)
        if seconds > self.longest:
            self.longest = seconds

    def take_worst(self) -> float:
        """The longest since this was asked last."""
        worst, self.worst = self.worst, 0.0
        return worst

    def a_minute(self, now: float) -> float:
        """Seconds paused in the last full minute, or in this one if that is more already."""
        self._turn(now)
        return max(self._last, self._this)

    def _turn(self, now: float) -> None:
        minute = int(now // MINUTE)
        if minute != self._minute:
            self._last = self._this if minute == self._minute + 1 else 0.0
            self._this = 0.0
            self._minute = minute

    def dump(self, now: float) -> dict[str, Any]:
        """Plain values."""
        return {
            "buckets": list(self.buckets),
            "times": list(self.times),
            "freed": list(self.freed),
            "seconds": self.seconds,
            "longest": self.longest,
            "stuck": self.stuck,
            "a_minute": self.a_minute(now),
        }

    def __repr__(self) -> str:
        return f"<Pauses {sum(self.times)}, {self.seconds:.3f} s in all, longest {self.longest * 1000:.1f} ms>"

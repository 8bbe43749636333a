"""Time as something that is passed in: a real clock for the process, a fake one for tests and simulation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """``now()`` is monotonic seconds for measuring; ``wall()`` is Unix seconds for showing."""

    now: Callable[[], float]
    wall: Callable[[], float]


class RealClock:
    """The machine's clocks. The bound C functions are exposed directly: no Python frame per reading."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, now: float = 1000.0, wall: float = 1_800_000_000.0) -> None:
        self._now = now
        self._wall = wall
        self.now: Callable[[], float] = lambda: self._now
        self.wall: Callable[[], float] = lambda: self._wall

    def advance(self, seconds: float) -> None:
        """Move both readings forward. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._now += seconds
        self._wall += seconds

    def __repr__(self) -> str:
        return f"<FakeClock now={self._now}>"

"""The numbers of one worker's jobs, for metrics. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Numbers:
    """``lines``: what became of asked lines; ``ended``: jobs by how they ended; ``open``: jobs that have not, by state,
    as last seen on disk (everybody's, not this worker's); ``waiting``: lines of the jobs at work here not yet asked."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self.running = 0
        self.waiting = 0
        self.in_flight = 0
        self.limit = 0.0
        self.cuts = 0
        self.stalled = 0
        self.disk = 0

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "lines": dict(self.lines), "ended": dict(self.ended), "open": dict(self.open), "running": self.running,
            "waiting": self.waiting, "in_flight": self.in_flight, "limit": self.limit, "cuts": self.cuts,
            "stalled": self.stalled, "disk": self.disk,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Numbers {self.running} running, {self.in_flight} in flight>"

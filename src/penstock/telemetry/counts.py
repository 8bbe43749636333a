"""What became of the traces and metrics of a worker, counted. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Counts:
    """``sent``: calls (traces) and data points (metrics) that a receiver took; ``dropped`` by signal and reason:
    ``full`` (the queue was), ``refused`` (by the receiver), ``stopped`` (at the end), ``off`` (switched off).
    ``requests`` by signal and result: ok, failed (to be tried again), refused."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "sent": dict(self.sent),
            "dropped": [[*key, number] for key, number in self.dropped.items()],
            "requests": [[*key, number] for key, number in self.requests.items()],
        }

    def __repr__(self) -> str:
        return f"<Counts {dict(self.sent)} sent, {dict(self.dropped)} dropped>"

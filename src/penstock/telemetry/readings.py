"""The metrics of a worker as requests, once an interval. Pure.

Cumulative ones are made anew for each try; those that count from the last time are kept until they are taken.
"""

from __future__ import annotations

from penstock.core.finished import Finished
from penstock.telemetry.counts import Counts
from penstock.telemetry.meters import Meters
from penstock.telemetry.requests import Requests


class Readings:
    """See the module. Moments are Unix seconds."""

    signal = "metrics"

    def __init__(self, counts: Counts) -> None:
        self.keeps = False
        self._counts = counts
        self._meters: Meters | None = None
        self._requests: Requests | None = None
        self._interval = 0.0
        self._since = 0.0
        self._due = 0.0

    def follow(
        self, meters: Meters | None, requests: Requests | None, interval: float, now: float, *, delta: bool
    ) -> None:
        """Count so from now on, and from nothing; None: count nothing."""
        self._meters, self._requests, self._interval, self.keeps = meters, requests, interval, delta
        self._since, self._due = now, now + interval

    def take(self, call: Finished) -> None:
        """Count a call."""
        if self._meters is not None:
            self._meters.take(call)

    def work(self) -> bool:
        """There is nothing to prepare."""
        return False

    def batch(self, now: float, *, everything: bool = False) -> tuple[bytes, int] | None:
        """The body of a request and how many data points are in it, when it is time."""
        meters, requests = self._meters, self._requests
        if meters is None or requests is None or (now < self._due and not everything):
            return None
        self._due = now + self._interval
        points = meters.points()
        if not points:
            return None
        body = requests.metrics(points, self._since, now, delta=self.keeps)
        if self.keeps:
            meters.clear()
            self._since = now
        return body, len(points)

    def drop(self, why: str) -> int:
        """Nothing is held."""
        return 0

    @property
    def held(self) -> int:
        """Nothing: numbers are counted, not queued."""
        return 0

    def __repr__(self) -> str:
        return f"<Readings {self._meters!r}>"

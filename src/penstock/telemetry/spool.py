"""Calls whose traces wait to be sent, bounded; written a few at a time, so that the loop is never held for long. Pure.

Enters: records with a kept trace. Leaves: bodies of requests. What comes while it is full is dropped, and counted.
"""

from __future__ import annotations

from collections import deque

from penstock.core.finished import Finished, Record
from penstock.telemetry.counts import Counts
from penstock.telemetry.otlp import Written
from penstock.telemetry.requests import Requests
from penstock.telemetry.spans import Spans

BATCH = 256
"""Calls that go out together."""
PIECE = 8
"""Calls that are written in one go."""


class Spool:
    """See the module. ``most`` calls are held, those written already among them."""

    signal = "traces"
    keeps = True
    """What could not be sent is sent again as it is."""

    def __init__(self, counts: Counts) -> None:
        self.most = 0
        self.delay = 0.0
        self._counts = counts
        self._spans: Spans | None = None
        self._requests: Requests | None = None
        self._queue: deque[Record] = deque()
        self._written: list[Written] = []
        self._calls = 0
        self._since = 0.0

    def follow(self, spans: Spans | None, requests: Requests | None, most: int, delay: float) -> None:
        """Write so from now on; None: keep nothing."""
        before = self._requests
        self._spans, self._requests, self.most, self.delay = spans, requests, most, delay
        if spans is None or requests is None:
            self.drop("off")
        elif self._written and before is not None and before.content_type != requests.content_type:
            self._counts.dropped[self.signal, "off"] += self._calls
            self._written, self._calls = [], 0

    def take(self, record: Record, now: float) -> None:
        """Keep a call, if there is room."""
        if self._spans is None:
            return
        if self.held >= self.most:
            self._counts.dropped[self.signal, "full"] += 1
            return
        if not self.held:
            self._since = now
        self._queue.append(record)

    def work(self) -> bool:
        """Write a few. Whether there are more to write for the next batch."""
        spans, requests = self._spans, self._requests
        if spans is None or requests is None:
            return False
        for _ in range(min(PIECE, BATCH - self._calls, len(self._queue))):
            self._written += [requests.span(span) for span in spans.of(Finished._make(self._queue.popleft()))]
            self._calls += 1
        return bool(self._queue) and self._calls < BATCH

    def batch(self, now: float, *, everything: bool = False) -> tuple[bytes, int] | None:
        """The body of the next request and how many calls are in it, once they have waited long enough."""
        if not self._calls or self._requests is None:
            return None
        if not everything and self._calls < BATCH and now < self._since + self.delay:
            return None
        written, calls = self._written, self._calls
        self._written, self._calls, self._since = [], 0, now
        return self._requests.traces(written), calls

    def drop(self, why: str) -> int:
        """Forget all that is held."""
        held = self.held
        if held:
            self._counts.dropped[self.signal, why] += held
        self._queue.clear()
        self._written, self._calls = [], 0
        return held

    @property
    def held(self) -> int:
        """Calls here."""
        return len(self._queue) + self._calls

    def __repr__(self) -> str:
        return f"<Spool {self.held} of {self.most} calls>"

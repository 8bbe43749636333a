"""Sends one signal to its receiver, batch by batch, in the background.

Enters: a source of batches. Leaves: requests. A receiver that is away or full is asked again after a doubling pause, or
when it says; meanwhile the source drops what it cannot hold, and counts it. Cancelled, it sends what is left within a
bound. Never holds up anybody else, and never fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from penstock.core.call import Headers
from penstock.core.errors import Fail
from penstock.net.outward import Answer
from penstock.telemetry.counts import Counts
from penstock.telemetry.otlp import rejected

log = logging.getLogger("penstock")

TICK_SECONDS = 0.25
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
FLUSH_SECONDS = 3.0
"""At the end of the process."""
RETRYABLE = (408, 429, 502, 503, 504)
SAYS_AGAIN_SECONDS = 600.0
"""A receiver that stays away is told of in the log once in so long."""


class Batches(Protocol):
    """What is sent. ``keeps``: a batch that did not arrive is sent again as it is; else it is made anew."""

    signal: str
    keeps: bool

    def work(self) -> bool: ...

    def batch(self, now: float, *, everything: bool = False) -> tuple[bytes, int] | None: ...

    def drop(self, why: str) -> int: ...


class Post(Protocol):
    """``net.outward.Outward.post``."""

    async def __call__(self, headers: Headers, body: bytes, within: float) -> Answer: ...


class Sending:
    """See the module. ``wall`` and ``now``: Unix and monotonic seconds; ``before_end`` is called before the last
    batches are made."""

    def __init__(
        self,
        source: Batches,
        counts: Counts,
        *,
        wall: Callable[[], float],
        now: Callable[[], float],
        uniform: Callable[[float, float], float],
        before_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = f"telemetry {source.signal}"
        self._source = source
        self._counts = counts
        self._wall = wall
        self._now = now
        self._uniform = uniform
        self._before_end = before_end
        self._post: Post | None = None
        self._headers: Headers = []
        self._protocol = ""
        self._timeout = 10.0
        self._pending: tuple[bytes, int] | None = None
        self._pause = 0.0
        self._until = 0.0
        self._said = 0.0

    def follow(self, post: Post | None, headers: Headers, protocol: str, timeout: float) -> None:
        """Send there from now on; None: send nothing. What is to be sent again goes there, too, if it is written so."""
        if self._pending is not None and (post is None or protocol != self._protocol):
            self._lose("off")
        self._post, self._headers, self._protocol, self._timeout = post, headers, protocol, timeout
        self._pause = self._until = 0.0

    @property
    def held(self) -> int:
        """Items of a batch that is to be sent again."""
        return 0 if self._pending is None else self._pending[1]

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                await self._write()
                while self._now() >= self._until and await self.once():
                    await self._write()
        except asyncio.CancelledError:
            await self._flush()
            raise

    async def _write(self) -> None:
        """Have the next batch written, and let others work in between."""
        more = True
        while more:
            more = self._source.work()
            await asyncio.sleep(0)

    async def once(self, *, everything: bool = False) -> bool:
        """Send the next batch, if there is one. Whether it arrived, or is not to be sent again."""
        post = self._post
        if post is None:
            return False
        pending = self._pending or self._source.batch(self._wall(), everything=everything)
        if pending is None:
            return False
        self._pending = pending
        try:
            answer = await post(self._headers, pending[0], self._timeout)
        except (Fail, TimeoutError, OSError) as error:
            self._failed(error.message if isinstance(error, Fail) else "it did not answer in time", None)
            return False
        if self._pending is not pending:  # followed another configuration meanwhile
            return True
        if answer.status in RETRYABLE:
            self._failed(f"it answered {answer.status}", answer.after)
            return False
        self._took(answer, pending[1])
        return True

    def _took(self, answer: Answer, items: int) -> None:
        """The receiver has judged the batch."""
        signal = self._source.signal
        self._pause = self._until = 0.0
        if 200 <= answer.status < 300:
            refused = min(items, rejected(answer.body, self._protocol)) if signal == "metrics" else 0
            self._pending = None
            self._counts.requests[signal, "ok"] += 1
            self._counts.sent[signal] += items - refused
            if refused:
                self._counts.dropped[signal, "refused"] += refused
            return
        self._counts.requests[signal, "refused"] += 1
        self._lose("refused")
        self._say(f"it answered {answer.status}, and the batch is dropped")

    def _failed(self, why: str, after: float | None) -> None:
        """It is tried again later."""
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self._until = self._now() + (self._pause * self._uniform(0.8, 1.2) if after is None else max(after, 0.1))
        self._counts.requests[self._source.signal, "failed"] += 1
        if not self._source.keeps:
            self._pending = None
        self._say(f"{why}; it is tried again")

    def _lose(self, why: str) -> None:
        assert self._pending is not None
        self._counts.dropped[self._source.signal, why] += self._pending[1]
        self._pending = None

    def _say(self, what: str) -> None:
        now = self._now()
        if not self._said or now >= self._said + SAYS_AGAIN_SECONDS:
            self._said = now
            log.warning("%s cannot be sent: %s", self._source.signal, what)

    async def _flush(self) -> None:
        """What is left goes out, if its receiver takes it in time."""
        self._before_end()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                more = True
                while more:
                    await self._write()
                    more = await self.once(everything=True) and self._source.signal == "traces"
        except TimeoutError:
            pass
        lost = self._source.drop("stopped")
        if self._pending is not None:
            lost += self._pending[1]
            self._lose("stopped")
        if lost:
            log.warning("%d %s were not sent before the end", lost, self._source.signal)

    def __repr__(self) -> str:
        return f"<Sending {self._source!r}>"

"""Calls of a pool that has no replica: they wake it, and wait for its first replica, so many and so long. Pure.

Enters: a call whose model has no upstream now, and whose pool may have none. Leaves: the call, served once there is
one. Fails with 503 and ``Retry-After``, by how long a start was measured to take, for a call that is one too many or
has waited long enough.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.reply import Reply
from penstock.routing.attempts import Step
from penstock.routing.nobody import nobody
from penstock.routing.table import Entry

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LEAST_WAIT_SECONDS = 1.0
UNKNOWN_START_SECONDS = 10.0
"""Told to who comes while no start has been measured yet."""

Newest = Callable[[Exchange, Entry], Entry]
Serve = Callable[[Exchange, Step], Awaitable[Reply]]


@dataclass(slots=True)
class Bounds:
    """``pool``: its name. ``calls`` may wait at once, each ``seconds``."""

    pool: str
    calls: int
    seconds: float


@dataclass(slots=True)
class Starting:
    """What is known of the start of a pool: the moment at which it should be there, 0 while nobody knows; what went
    wrong with it."""

    due: float = 0.0
    trouble: str = ""


@dataclass(slots=True, eq=False)
class Holding:
    """See the module. It outlives reloads. ``wake`` has a pool started that was asked for; ``bounds`` are by the names
    of models."""

    wake: Callable[[str], None]
    now: Callable[[], float]
    loop: AbstractEventLoop
    bounds: dict[str, Bounds] = field(default_factory=dict)
    starting: dict[str, Starting] = field(default_factory=dict)
    _waiting: dict[Promise[bool], Entry] = field(default_factory=dict)

    def takes(self, entry: Entry) -> bool:
        """Whether its calls may wait. If so, its pool is being started from now on."""
        bounds = self.bounds.get(entry.pattern)
        if bounds is not None:
            self.wake(bounds.pool)
        return bounds is not None

    def waiting(self, pool: str) -> int:
        """Calls that wait for ``pool``."""
        return sum([self._pool(entry) == pool for entry in self._waiting.values()])

    def _pool(self, entry: Entry) -> str:
        bounds = self.bounds.get(entry.pattern)
        return "" if bounds is None else bounds.pool

    async def hold(self, exchange: Exchange, entry: Entry, newest: Newest, serve: Serve) -> Reply:
        """Wait, then have it served by the entry as it is then."""
        began = self.now()
        try:
            await self._wait(exchange, entry)
        finally:
            exchange.note_wait("start", self.now() - began)
        now = self.now()
        entry = newest(exchange, entry)
        targets = entry.candidates.able(exchange.call, now)
        if not targets:
            raise nobody(entry, exchange.call, now)
        entry.budget.deposit(now)
        return await serve(exchange, Step(entry, exchange.call.model, targets))

    async def _wait(self, exchange: Exchange, entry: Entry) -> None:
        bounds, now = self.bounds[entry.pattern], self.now()
        if self.waiting(bounds.pool) >= bounds.calls:
            raise self._refused(bounds, f"{bounds.calls} calls wait for it already")
        promise: Promise[bool] = Promise(self.loop)
        self._waiting[promise] = entry
        late = self.loop.call_later(min(bounds.seconds, exchange.deadline - now), promise.set_result, False)
        try:
            if not await promise:
                raise self._refused(bounds, "it took too long")
        finally:
            late.cancel()
            self._waiting.pop(promise, None)

    def _refused(self, bounds: Bounds, why: str) -> UpstreamError:
        known = self.starting.get(bounds.pool) or Starting()
        left = known.due - self.now() if known.due else UNKNOWN_START_SECONDS
        trouble = f"; {known.trouble}" if known.trouble else ""
        return UpstreamError(
            f"pool '{bounds.pool}' had no replica and one is being started: {why}{trouble}",
            status=503, code="pool_starting", retry_after=math.ceil(max(LEAST_WAIT_SECONDS, left)), phase="start",
        )  # fmt: skip

    def look(self, served: Callable[[Entry], bool]) -> None:
        """What serves has changed: those go on of whose entry ``served`` says that it can be served now."""
        for promise, entry in list(self._waiting.items()):
            if served(entry):
                self._waiting.pop(promise, None)
                promise.set_result(True)

    def __repr__(self) -> str:
        return f"<Holding {len(self._waiting)} calls>"

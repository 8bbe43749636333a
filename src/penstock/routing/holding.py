"""Calls of a pool that has no replica: they wake it, and wait for its first replica, so many and so long. Pure.

Enters: a call whose model has no upstream now, and whose pool may have none. Leaves: the call, served once there is
one. Fails with 503 and ``Retry-After``, by how long a start was measured to take, for a call that is one too many or
has waited long enough.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.finished import STARTING
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
    wrong with it, which callers are not told; whether none may be started now, by a word or for what it costs."""

    due: float = 0.0
    trouble: str = ""
    barred: bool = False


@dataclass(slots=True, eq=False)
class Holding:
    """See the module. It outlives reloads. ``wake`` has a pool started that was asked for; ``bounds`` are by the names
    of models; ``most_bytes``: of bodies of all that wait, for calls that wait for nothing need room, too."""

    wake: Callable[[str], None]
    now: Callable[[], float]
    loop: AbstractEventLoop
    bounds: dict[str, Bounds] = field(default_factory=dict)
    starting: dict[str, Starting] = field(default_factory=dict)
    most_bytes: int = sys.maxsize
    _bytes: int = 0
    _waiting: dict[Promise[str], tuple[Entry, str]] = field(default_factory=dict)
    """Each with its key; it is told why it waits in vain, "" when it goes on."""

    def takes(self, entry: Entry) -> bool:
        """Whether its calls may wait. If so, its pool is being started from now on."""
        bounds = self.bounds.get(entry.pattern)
        if bounds is not None:
            self.wake(bounds.pool)
        return bounds is not None

    def known(self, pool: str, starting: Starting) -> None:
        """This was answered when it was to be woken. Where it may not be, nobody waits for it."""
        self.starting[pool] = starting
        if starting.barred:
            for promise in [one for one, (entry, _) in self._waiting.items() if self._pool(entry) == pool]:
                self._end(promise, "none may")

    def waiting(self, pool: str) -> int:
        """Calls that wait for ``pool``."""
        return sum([self._pool(entry) == pool for entry, _ in self._waiting.values()])

    def _pool(self, entry: Entry) -> str:
        bounds = self.bounds.get(entry.pattern)
        return "" if bounds is None else bounds.pool

    async def hold(self, exchange: Exchange, entry: Entry, newest: Newest, serve: Serve) -> Reply:
        """Wait, then have it served by the entry as it is then."""
        began = self.now()
        try:
            await self.wait(exchange, entry)
        finally:
            exchange.note_wait(STARTING, self.now() - began)
        now = self.now()
        entry = newest(exchange, entry)
        targets = entry.candidates.able(exchange.call, now)
        if not targets:
            raise nobody(entry, exchange.call, now)
        entry.budget.deposit(now)
        return await serve(exchange, Step(entry, exchange.call.model, targets))

    async def wait(self, exchange: Exchange, entry: Entry) -> None:
        """Until its pool has a replica. Fails as the module says."""
        bounds, now = self.bounds[entry.pattern], self.now()
        if (known := self.starting.get(bounds.pool)) is not None and known.barred:
            raise self._refused(bounds, "")
        if self.waiting(bounds.pool) >= bounds.calls and not self._make_room(bounds.pool, exchange.scope):
            raise self._refused(bounds, f"{bounds.calls} calls wait for it already")
        size = exchange.held
        if self._bytes and self._bytes + size > self.most_bytes:
            raise self._refused(bounds, f"calls that wait hold {self._bytes} bytes already")
        promise: Promise[str] = Promise(self.loop)
        self._waiting[promise] = (entry, exchange.scope)
        self._bytes += size
        late = self.loop.call_later(
            min(bounds.seconds, exchange.deadline - now), promise.set_result, "it took too long"
        )
        try:
            if why := await promise:
                raise self._refused(bounds, why)
        finally:
            late.cancel()
            self._waiting.pop(promise, None)
            self._bytes -= size

    def _make_room(self, pool: str, scope: str) -> bool:
        """Whether there is some now: the newest call of the key that has most here gives way to one that has fewer, by
        more than one. So one key does not keep all others out."""
        mine = [promise for promise, (entry, _) in self._waiting.items() if self._pool(entry) == pool]
        counts = Counter(self._waiting[promise][1] for promise in mine)
        most, number = counts.most_common(1)[0] if counts else ("", 0)
        if number <= counts[scope] + 1:
            return False
        newest = next(one for one in reversed(mine) if self._waiting[one][1] == most)
        self._waiting.pop(newest, None)
        self.loop.call_soon(newest.set_result, "others wait, too")  # through the loop: this is a call itself
        return True

    def _end(self, promise: Promise[str], why: str) -> None:
        self._waiting.pop(promise, None)
        promise.set_result(why)

    def _refused(self, bounds: Bounds, why: str) -> UpstreamError:
        known = self.starting.get(bounds.pool) or Starting()
        if known.barred:
            return UpstreamError(
                f"pool '{bounds.pool}' has no replica, and none may be started now",
                status=503, code="pool_barred", retry_after=math.ceil(UNKNOWN_START_SECONDS), phase="start",
            )  # fmt: skip
        left = known.due - self.now() if known.due else UNKNOWN_START_SECONDS
        # What exactly is wrong names accounts, roles and hosts: it is for who reads the log and `penstock scaling`.
        trouble = "; there is trouble with its start" if known.trouble else ""
        return UpstreamError(
            f"pool '{bounds.pool}' has no replica yet, and one is being started: {why}{trouble}",
            status=503, code="pool_starting", retry_after=math.ceil(max(LEAST_WAIT_SECONDS, left)), phase="start",
        )  # fmt: skip

    def look(self, served: Callable[[Entry], bool]) -> None:
        """What serves has changed: those go on of whose entry ``served`` says that it can be served now."""
        for promise, (entry, _) in list(self._waiting.items()):
            if served(entry):
                self._end(promise, "")

    def __repr__(self) -> str:
        return f"<Holding {len(self._waiting)} calls>"

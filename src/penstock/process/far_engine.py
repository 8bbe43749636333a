"""An embedded engine as a worker process sees it: the seats that the supervisor tells of, asked for now and then.

Enters: a question over the link. Leaves: the seat with the fewest calls of this worker in flight. Fails with
UpstreamError 503 ``engine_starting`` while no replica is ready.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from penstock.assemble_engines import EMBEDDINGS, engine_key
from penstock.core.errors import UpstreamError
from penstock.process.link import LinkError
from penstock.routing.upstream_config import UpstreamConfig

FRESH_SECONDS = 0.5
RETRY_SECONDS = 0.1

Ask = Callable[[str, Any], Awaitable[Any]]


class FarSeat:
    """One ready replica, and the calls of this worker in flight there."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.in_flight = 0

    def enter(self) -> None:
        """One more call."""
        self.in_flight += 1

    def leave(self) -> None:
        """One less."""
        self.in_flight -= 1

    def __repr__(self) -> str:
        return f"<FarSeat {self.base_url} {self.in_flight} in flight>"


class FarEngine:
    """See the module. ``key`` is the engine's among all that the supervisor runs."""

    def __init__(self, name: str, key: str, ask: Ask, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._key = key
        self._ask = ask
        self._now = now
        self._seats: dict[str, FarSeat] = {}
        self._left: list[FarSeat] = []
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()
        self._trouble = ""

    async def pick(self, until: float) -> FarSeat:
        """The least busy seat; waits for a first one until the monotonic moment ``until``."""
        while True:
            if self._now() >= self._fresh_until:
                await self._refresh()
            if self._seats:
                return min(self._seats.values(), key=lambda seat: seat.in_flight)
            left = until - self._now()
            if left <= 0:
                raise UpstreamError(
                    f"the local model is not ready: {self._trouble or 'it is being loaded'}",
                    status=503, code="engine_starting", retry_after=1.0, phase="start", upstream=self._name,
                )  # fmt: skip
            await asyncio.sleep(min(RETRY_SECONDS, left))

    async def _refresh(self) -> None:
        async with self._asking:
            if self._now() < self._fresh_until:
                return  # somebody else has just asked
            try:
                told = await self._ask("seats", self._key)
            except LinkError as error:
                self._trouble = str(error)
                return
            self._trouble = told["trouble"]
            known, self._seats = self._seats, {}
            for seat in told["seats"]:
                key = seat["api_key"]  # new with each start of a replica: it names one life of the process
                self._seats[key] = known.get(key) or FarSeat(seat["base_url"], key)
            self._left = [seat for seat in (*self._left, *known.values()) if seat.in_flight]
            self._fresh_until = self._now() + (FRESH_SECONDS if self._seats else RETRY_SECONDS)

    def busy(self) -> set[str]:
        """Where calls of this worker are, also at seats that are told of no more."""
        return {seat.base_url for seat in (*self._left, *self._seats.values()) if seat.in_flight}

    async def aclose(self) -> None:
        """The engine belongs to the supervisor: nothing to end here."""

    def __repr__(self) -> str:
        return f"<FarEngine {self._name} {len(self._seats)} seats>"


class FarEngines:
    """The Engines of a worker process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._engines: weakref.WeakSet[FarEngine] = weakref.WeakSet()

    def engine(self, name: str, config: UpstreamConfig) -> FarEngine:
        """The engine of the upstream ``name`` with these settings."""
        return self._known(FarEngine(name, engine_key(name, config), self._ask))

    def embedder(self, name: str, config: UpstreamConfig) -> FarEngine:
        """The one that makes its embeddings, started when its seats are first asked for."""
        return self._known(FarEngine(name, engine_key(name, config) + EMBEDDINGS, self._ask))

    def busy(self) -> list[str]:
        """The seats at which this worker has calls."""
        return sorted({url for engine in self._engines for url in engine.busy()})

    def _known(self, engine: FarEngine) -> FarEngine:
        self._engines.add(engine)
        return engine

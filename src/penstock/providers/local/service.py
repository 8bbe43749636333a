"""The replicas of an embedded engine: as many as are wanted, and none left when this ends.

Enters options and how many replicas may run; leaves, through ``pick``, a ready replica's address and key. May fail
with UpstreamError in ``pick`` while none is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from penstock.core.errors import UpstreamError
from penstock.core.tasks import Crew
from penstock.net.children import Backoff
from penstock.net.replica import Pace, Replica
from penstock.providers.local.engine import MAX_CONNECTIONS, EngineOptions, command
from penstock.providers.local.store import EMBEDDED, WeightsStore

# What an engine may know of our environment. It needs no provider's key, so it gets none.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")

SIZES = ("slots", "context", "threads")
LEAST_CONTEXT = 128
ELSEWHERE_SECONDS = 0.5
"""So often other processes are asked whether they still use a replica that is to end."""


class LocalEngine:
    """A Service: between ``minimum`` and ``maximum`` replicas of one model. ``model`` is ``smollm2`` or a GGUF file.
    ``elsewhere`` says whether other processes have calls at a ``base_url``."""

    def __init__(
        self,
        name: str,
        options: EngineOptions,
        *,
        model: str = EMBEDDED,
        minimum: int = 1,
        maximum: int = 1,
        pace: Pace | None = None,
    ) -> None:
        if not 1 <= minimum <= maximum:
            raise ValueError("replicas need 1 <= min <= max")
        self.name = name
        self.options = options
        self.minimum = minimum
        self.maximum = maximum
        self.target = minimum
        self.replicas: list[Replica] = []
        self._pace = pace or Pace()
        self._store = WeightsStore(model, Backoff(self._pace.first_pause, self._pace.longest_pause))
        self._path = ""
        self._numbers = 0
        self._crew = Crew(name)
        self._lives: dict[Replica, asyncio.Task[None]] = {}
        self._options: dict[str, EngineOptions] = {}
        self._some_ready = asyncio.Event()
        self._life: asyncio.Task[Any] | None = None
        self._closed = False
        self.elsewhere: Callable[[str], Awaitable[bool]] | None = None

    @property
    def trouble(self) -> str:
        """Why no replica is ready, as far as it is known; empty when one is or all goes well."""
        if self._some_ready.is_set():
            return ""
        return self._store.trouble or next((replica.trouble for replica in self.replicas if replica.trouble), "")

    async def run(self) -> None:
        """Get the weights, keep the replicas running, end them all when cancelled or closed."""
        self._life = asyncio.current_task()
        try:
            if not self._closed:
                self._path = await self._store.obtain()
                self.scale(self.target)
                await asyncio.get_running_loop().create_future()
        finally:
            self._path = ""
            self.replicas.clear()
            self._note_readiness()
            await self._crew.aclose()
            self._lives.clear()

    async def aclose(self) -> None:
        """End it for good, wherever ``run`` stands. Returns when no child is left."""
        self._closed = True
        if self._life is not None and not self._life.done():
            self._life.cancel()
            await asyncio.wait({self._life})

    @property
    def size(self) -> dict[str, int]:
        """Of replicas that are started now."""
        return {name: getattr(self.options, name) for name in SIZES}

    def is_stale(self, name: str) -> bool:
        """Whether a replica was started with another size."""
        return self._options.get(name, self.options) != self.options

    def resize(self, size: Mapping[str, int], *, dry_run: bool = False) -> dict[str, int]:
        """Replicas that are started from now on have this size; whoever scales has the others replaced. Returns all of
        it. Raises ValueError for one that cannot be."""
        said: dict[str, Any] = dict(size)
        options, cores = replace(self.options, **said), os.cpu_count() or 1
        if options.slots > MAX_CONNECTIONS:
            raise ValueError(f"slots {options.slots}: an embedded engine takes {MAX_CONNECTIONS} calls at once at most")
        if options.context < LEAST_CONTEXT:
            raise ValueError(f"context {options.context}: an embedded engine needs {LEAST_CONTEXT} tokens at least")
        if options.threads > cores:
            raise ValueError(f"threads {options.threads}: this machine has {cores} cores")
        if not dry_run:
            self.options = options
        return {name: getattr(options, name) for name in SIZES}

    def scale(self, wanted: int, victims: Collection[str] = ()) -> int:
        """Run ``wanted`` replicas, within the bounds; those too many finish their calls first, ``victims`` (names)
        before others. Returns the target."""
        self.target = min(max(wanted, self.minimum), self.maximum)
        while self._path and len(self.replicas) < self.target:
            name, argv = f"{self.name}/{self._numbers}", command(self.options, self._path)
            self._options[name] = self.options
            replica = Replica(name, argv, engine_environment(), self._pace, self._note_readiness)
            self._numbers += 1
            self.replicas.append(replica)
            self._lives[replica] = self._crew.spawn(replica.run(), replica.name)
        while len(self.replicas) > self.target:
            replica = next((one for one in self.replicas if one.name in victims), self.replicas[-1])
            self.replicas.remove(replica)
            self._options.pop(replica.name, None)
            self._crew.spawn(self._retire(replica), f"{replica.name} retires")
        self._note_readiness()
        return self.target

    async def pick(self, until: float) -> Replica:
        """The ready replica with the fewest calls in flight (the eldest of equals: its prompt cache is the warmest).

        Waits for a first one until the monotonic moment ``until``, then raises UpstreamError 503.
        """
        while True:
            ready = [replica for replica in self.replicas if replica.ready]
            if ready:
                return min(ready, key=lambda replica: replica.in_flight)
            left = until - time.monotonic()
            if left <= 0:
                raise UpstreamError(
                    f"the local model is not ready: {self.trouble or 'it is being loaded'}",
                    status=503,
                    code="engine_starting",
                    retry_after=1.0,
                    phase="start",
                    upstream=self.name,
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._some_ready.wait()

    async def _retire(self, replica: Replica) -> None:
        until, url = time.monotonic() + self._pace.drain, replica.base_url
        await replica.empty(self._pace.drain)
        used = self.elsewhere
        while url and used is not None and time.monotonic() < until and await used(url):  # noqa: ASYNC110
            await asyncio.sleep(ELSEWHERE_SECONDS)
        life = self._lives.pop(replica)
        life.cancel()
        await asyncio.wait({life})

    def _note_readiness(self) -> None:
        if any(replica.ready for replica in self.replicas):
            self._some_ready.set()
        else:
            self._some_ready.clear()

    def __repr__(self) -> str:
        ready = sum(replica.ready for replica in self.replicas)
        return f"<LocalEngine {self.name} {ready}/{self.target} ready {self.trouble}>"


def engine_environment() -> dict[str, str]:
    """Our environment without its secrets."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}

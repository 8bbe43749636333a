"""What is sampled all the time: how late the event loop is, how long the store and its disk take to answer.

Enters: what to ask. Leaves: samples, given to ``note`` with their names. Fails never: what does not answer is as slow
as it was waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from penstock.observe.store import probe

Note = Callable[[str, float], None]

LAG_EVERY_SECONDS = 0.1
STORE_EVERY_SECONDS = 5.0
STORE_WAIT_SECONDS = 5.0
DISK_EVERY_SECONDS = 30.0
AGAIN_SECONDS = 1.0


class LoopLag:
    """How much later than asked for this worker's event loop woke it."""

    name = "loop lag"

    def __init__(self, note: Note, now: Callable[[], float]) -> None:
        self._note = note
        self._now = now

    async def run(self) -> None:
        """Sample."""
        while True:
            due = self._now() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._note("loop_lag", max(0.0, self._now() - due))


class StoreLatency:
    """How long it takes until what is written now is stored. ``flush`` waits for that."""

    name = "store latency"

    def __init__(self, note: Note, flush: Callable[[], Awaitable[object]], now: Callable[[], float]) -> None:
        self._note = note
        self._flush = flush
        self._now = now

    async def run(self) -> None:
        """Sample."""
        while True:
            await self.sample()
            await asyncio.sleep(STORE_EVERY_SECONDS)

    async def sample(self) -> None:
        """Once."""
        began = self._now()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(STORE_WAIT_SECONDS):
                await self._flush()
        self._note("store_latency", self._now() - began)


class Disk:
    """The disk that ``folder`` is on: what is free of it, and how long a small write takes. ``hold`` keeps both until
    the next look."""

    name = "disk latency"

    def __init__(self, hold: Callable[[str, float | None], None], folder: str) -> None:
        self._hold = hold
        self._folder = folder

    async def run(self) -> None:
        """Sample, in a thread: a disk may hang."""
        while True:
            is_there = await self.sample()
            await asyncio.sleep(DISK_EVERY_SECONDS if is_there else AGAIN_SECONDS)

    async def sample(self) -> bool:
        """Once. Whether the folder is there: the store makes it when it is first used."""
        free, seconds = await asyncio.get_running_loop().run_in_executor(None, probe, self._folder)
        self._hold("disk_free", free)
        self._hold("disk_latency", seconds)
        return free is not None

"""The loop that keeps a worker's questions like the store: reads them at start and on need, and saves what was learned.

Enters: what the shelf has told of. Leaves: a memory that is ready; questions that others stored; saved states. Works in
short slices, so that calls never wait for it. Fails only for defects; it is started again then.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable

from penstock.cache.semantic.store import LEARNED, QUESTIONS, Memory
from penstock.core.stored import Store

SAVE_SECONDS = 15.0
POLL_SECONDS = 0.5
RETRY_SECONDS = 0.1
AWAY_SECONDS = 0.5
SLICE_SECONDS = 0.0005
"""Worked at a time, before calls have their turn."""
TOGETHER = 64
"""Questions read at a time."""
PLACED = 200
"""Questions made known to the verifier a turn, beside those that are looked for: 100,000 in half a minute."""
PLACING_SECONDS = 0.03
MANY = 500
"""Questions after which the collector of garbage is told to look at them no more, before it has looked even once: each
is some twenty objects that stay, and looking at 50,000 new ones holds up calls for 10 ms, again and again while they
come."""


class Upkeep:
    """See the module."""

    name = "semantic cache"

    def __init__(self, memory: Memory, now: Callable[[], float]) -> None:
        self._memory = memory
        self._now = now
        self._work = asyncio.Event()
        self._saved = now()
        self._slice = now()
        self._placing = False
        self._loose = 0

    async def run(self) -> None:
        """Until cancelled."""
        memory = self._memory
        memory.wake = self._work.set
        try:
            while not memory.closed:
                await self._turn()
                await self._let_go()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._rest()):
                        await self._work.wait()
                self._work.clear()
            await self._let_go()
        except asyncio.CancelledError:
            memory.close()
            raise

    async def _turn(self) -> None:
        memory = self._memory
        if not memory.shelf.ready:
            return
        if not memory.read:
            await self._read_all()
        await self._read_partitions()
        await self._read_pending()
        await self._place_some()
        if self._now() - self._saved >= SAVE_SECONDS:
            self._saved = self._now()
            memory.save()

    async def _read_all(self) -> None:
        """All that the store holds: what was learned, then the questions, as far as there is room for them."""
        memory = self._memory
        store = memory.shelf.store
        if store is None:
            memory.read = True
            return
        memory.reading = True  # a shelf that begins anew meanwhile unsets it
        async for batch in store.records(LEARNED).scan():
            for key, sealed in batch:
                memory.remember(key, sealed)
        await self._read_questions(store)
        memory.read, memory.reading = memory.reading, False

    async def _read_questions(self, store: Store) -> None:
        memory = self._memory
        async for batch in store.records(QUESTIONS).scan():
            batch.reverse()
            while batch:
                if not memory.reading:
                    return
                if not memory.space.is_spare:
                    memory.space.let_go_partial()  # they are read whole when they are asked for
                    return
                some = batch[: -TOGETHER - 1 : -1]
                del batch[-TOGETHER:]  # bit by bit: a large one would take milliseconds to give up
                opened = [(id, memory.opened(id, sealed)) for id, sealed in some if id not in memory.space]
                self._came(memory.space.extend([(id, kept) for id, kept in opened if kept is not None]))
                await self._breathe()

    async def _read_partitions(self) -> None:
        """Those that a call has asked for."""
        memory = self._memory
        while memory.unread:
            partition = next(iter(memory.unread))
            for id in memory.space.unread(partition):
                await self._read_one(id)
                await self._breathe()
            for id in memory.space.unread(partition):
                memory.space.unlearn(id)  # nothing could be read: it is not looked for again
            memory.unread.pop(partition, None)

    async def _read_pending(self) -> None:
        """Those that others stored."""
        memory = self._memory
        for id, tries in list(memory.pending.items()):
            if id in memory.space or await self._read_one(id) or tries <= 1:
                memory.pending.pop(id, None)
            elif id in memory.pending:
                memory.pending[id] = tries - 1
            await self._breathe()

    async def _read_one(self, id: bytes) -> bool:
        store = self._memory.shelf.store
        sealed = None if store is None else await store.records(QUESTIONS).get(id)
        return sealed is not None and self._memory.take(id, sealed)

    def _rest(self) -> float:
        if self._placing:
            return PLACING_SECONDS
        return RETRY_SECONDS if self._memory.pending else POLL_SECONDS

    async def _let_go(self) -> None:
        """What is held no more."""
        while self._memory.space.leaving.shed():
            await self._breathe()

    async def _place_some(self) -> None:
        memory = self._memory
        self._placing = True
        for _ in range(PLACED):
            if not memory.space.is_fresh:
                self._placing = False
                return
            held = memory.space.unplaced()
            entry = None if held is None else memory.entry(held.id)
            if held is not None and entry is not None:
                memory.place(held, entry, memory.verifier(entry.model, memory.embedder.version))
                self._came(1)
            await self._breathe()

    def _came(self, count: int) -> None:
        self._loose += count
        if self._loose >= MANY:
            self._loose = 0
            gc.freeze()

    async def _breathe(self) -> None:
        """Let calls have their turn."""
        if self._now() - self._slice >= SLICE_SECONDS:
            await asyncio.sleep(0)
            self._slice = self._now()

    def __repr__(self) -> str:
        return f"<Upkeep of {self._memory!r}>"

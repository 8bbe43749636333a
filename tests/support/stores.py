"""Stores of each kind for tests: opened as often as wanted over the same state, closed at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from penstock.store.memory.store import MemoryDesk
from penstock.store.redis.store import RedisDesk
from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore


class Stores:
    """Opens stores over one state. ``open()`` twice gives two that see each other, where the kind is shared."""

    def __init__(self, kind: str, folder: Path, url: str = "") -> None:
        self.kind = kind
        self.url = url
        self.path = str(folder / "state" / "store.sqlite")
        self.wall: Callable[[], float] = time.time
        self._opened: list[DeskStore] = []

    def open(self, **more: Any) -> DeskStore:
        store = DeskStore(self.kind, lambda: self._desk(**more), shared=self.kind != "memory")
        self._opened.append(store)
        return store

    def _desk(self, **more: Any) -> Any:
        if self.kind == "memory":
            return MemoryDesk(self.wall, time.monotonic, **more)
        if self.kind == "redis":
            return RedisDesk(self.url, self.wall, time.monotonic)
        return SqliteDesk(self.path, self.wall, time.monotonic, **more)

    async def aclose(self) -> None:
        for store in self._opened:
            await store.aclose()
        self._opened.clear()

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` on a loop of its own, and close what it opened."""

        async def main() -> None:
            try:
                async with asyncio.timeout(60):
                    await work()
            finally:
                await self.aclose()

        asyncio.run(main())


async def scanned(store: DeskStore, table: str) -> dict[bytes, bytes]:
    """All records of ``table``."""
    return {key: value async for batch in store.records(table).scan() for key, value in batch}


@contextlib.asynccontextmanager
async def during(work: Awaitable[Any]) -> AsyncIterator[asyncio.Future[Any]]:
    """``work`` runs meanwhile, and is cancelled at the end."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(fact: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until ``fact()`` is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110 - facts of threads and servers have no event
            await asyncio.sleep(0.005)

"""A start with many entries in the store: when is a call answered, when is the cache ready, what is held up?

Enters: a folder and how many entries. Leaves: seconds, and what was not answered as it should be. The entries are
written by the code of the cache itself, into the store of a gateway that was killed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.gateways import Gateway, ended
from bench.questions import MODEL, ask, config, exchange, fault, upstream
from penstock.cache.config import CacheConfig
from penstock.cache.entry import Answer, Entry
from penstock.cache.store import Shelf
from penstock.memory.ledger import BoundedAccount
from penstock.store.sqlite.store import SqliteDesk
from penstock.store.store import DeskStore
from penstock.wire.asked import DIGEST_BYTES

SECRET = "only of this bench, and long"
CACHE = {"secret": SECRET}
REAL = 50
"""Questions among the many entries that were asked through the gateway itself."""
ANSWER_BYTES = 1000


@dataclass
class Start:
    """One start with many entries. ``hold``: how long the gateway answered nothing at all while it read them;
    ``cpu``: what it had used until the cache was ready, all threads."""

    entries: int = 0
    filled: float = 0.0
    first_answer: float = 0.0
    ready: float = 0.0
    first_hit: float = 0.0
    hold: float = 0.0
    cpu: float = 0.0


def made(folder: Path, port: int, workers: int) -> Gateway:
    """A gateway on a SQLite file in its home."""
    home = folder / "home"
    return Gateway(home, config(port, f"sqlite:{home / 'store.sqlite'}", cache=CACHE), workers)


def entries(count: int, wall: float) -> Iterator[tuple[Entry, Answer]]:
    """So many, each of about a KiB."""
    for position in range(count):
        entry = Entry(
            id=os.urandom(DIGEST_BYTES), operation="chat", model=MODEL, upstream="up", named=MODEL, scope=b"scope",
            by=b"by", asked=wall, created=wall, expires=wall + 3600, size=ANSWER_BYTES, tokens_in=5, tokens_out=200,
        )  # fmt: skip
        yield entry, Answer(b"application/json", b"%d " % position + os.urandom(ANSWER_BYTES // 2).hex().encode())


async def fill(path: Path, count: int) -> None:
    """Put them into the store as a worker does."""
    store = DeskStore("sqlite", lambda: SqliteDesk(str(path), time.time, time.monotonic), shared=False)
    section = CacheConfig()
    shelf = Shelf(store, BoundedAccount("cache", section.memory), section, "bench", time.time)
    shelf.open(SECRET.encode(), None)
    shelf.ready = True
    for position, (entry, answer) in enumerate(entries(count, time.time())):
        if not shelf.keep(entry, answer):
            raise RuntimeError(f"the entry {position} was not kept: {shelf!r}")
        if position % 500 == 499:
            await store.flush()
    await store.flush()
    await store.aclose()


class Pulse:
    """Asks for a sign of life again and again: the longest wait for one is the longest that anything held the loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.longest = 0.0
        self.over = False

    async def feel(self) -> None:
        """Until it is over."""
        while not self.over:
            began = time.monotonic()
            await exchange(self._gateway.port, "GET", "/health/live")
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(0.002)


async def start_with(folder: Path, count: int, workers: int = 1) -> tuple[Start, list[str]]:
    """A start with ``count`` entries in the store: those that were asked through the gateway, and others."""
    start, faults = Start(), []
    async with upstream() as (port, _):
        gateway = made(folder, port, workers)
        questions = [f"kept {turn}" for turn in range(min(REAL, count))]
        with ended(gateway):
            gateway.start()
            await gateway.until_it_answers()
            await gateway.until_ready()
            for question in questions:
                await ask(gateway.port, question)
            await asyncio.sleep(0.5)  # what is queued is written
            gateway.kill()
            began = time.monotonic()
            await fill(gateway.home / "store.sqlite", count - len(questions))
            start.filled = time.monotonic() - began
            began = gateway.start()
            gateway.hurry()
            await gateway.until_it_answers()
            if wrong := fault(await ask(gateway.port, "not kept"), "not kept"):
                faults.append(wrong)
            start.first_answer = time.monotonic() - began
            pulse = Pulse(gateway)
            watch = asyncio.create_task(pulse.feel())
            await gateway.until_ready()
            start.ready, start.cpu = time.monotonic() - began, gateway.cpu_seconds()
            for question in questions:
                told = await ask(gateway.port, question, mode="only")
                start.first_hit = start.first_hit or time.monotonic() - began
                if wrong := fault(told, question):
                    faults.append(wrong)
            pulse.over = True
            await watch
            start.hold = pulse.longest
            start.entries = round(await gateway.metric("penstock_cache_entries"))
    return start, faults

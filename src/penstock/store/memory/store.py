"""A store in memory, bounded in bytes: what was written first goes first. Everything is done at once.

Enters: writes and questions. Leaves: answers. Fails never. It ends with the process, and nobody else sees it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from penstock.core.stored import Missed, Row
from penstock.store.asked import (
    OVERHEAD,
    Add,
    Append,
    Delete,
    Drop,
    Extend,
    Get,
    Last,
    Mark,
    Once,
    Put,
    Question,
    Read,
    Scan,
    Write,
    position,
    size_of,
)
from penstock.store.counts import Counts, settle
from penstock.store.store import IDLE
from penstock.store.waiters import Waiters

MOST_BYTES = 256 * 2**20
MOST_NAMES = 100_000
"""Counters and names; beyond, the oldest goes."""
SCANNED = 1_000
"""Looked at in one step of a scan, before others have their turn."""


class _Rows:
    """A log's rows; the newest has the number ``last``."""

    def __init__(self) -> None:
        self.rows: deque[bytes] = deque()
        self.last = 0

    def read(self, after: str, limit: int) -> list[Row]:
        oldest = self.last - len(self.rows) + 1
        wanted = position(after) + 1 if after else oldest
        if wanted < oldest or wanted > self.last + 1:
            raise Missed(f"position {after} is not among {oldest} to {self.last}")
        return [
            (str(number), self.rows[number - oldest])
            for number in range(wanted, min(wanted + max(0, limit), self.last + 1))
        ]


class MemoryDesk:
    """See the module. ``wall`` tells Unix seconds, ``now`` monotonic ones."""

    incarnation = "memory"

    def __init__(self, wall: Callable[[], float], now: Callable[[], float], most_bytes: int = MOST_BYTES) -> None:
        self._wall = wall
        self._now = now
        self._most = most_bytes
        self._bytes = 0
        self._tables: dict[str, OrderedDict[bytes, Put]] = {}
        self._logs: dict[str, _Rows] = {}
        self._sums: OrderedDict[str, tuple[int, float | None]] = OrderedDict()
        self._names: OrderedDict[str, bytes] = OrderedDict()
        self._waiters = Waiters()
        self.counts = Counts()

    def offer(self, write: Write) -> bool:
        """Do it; False for what is larger than the store."""
        if size_of(write) > self._most:
            return False
        settle(self.counts, (write,), (self._done(write),))
        self._waiters.wake_for((write,))
        return True

    def _done(self, write: Write) -> Any:
        match write:
            case Put():
                self._drop(write.table, write.key)
                self._tables.setdefault(write.table, OrderedDict())[write.key] = write
                self._grow(size_of(write))
            case Delete():
                for key in write.keys:
                    self._drop(write.table, key)
            case Append():
                self._append(write)
            case Extend():
                self._extend(write)
            case Drop():
                log = self._logs.get(write.log, _Rows())
                while log.rows and log.last - len(log.rows) < write.upto:
                    self._bytes -= len(log.rows.popleft()) + OVERHEAD
            case Add():
                return self._added(write)
            case Once():
                value = self._names.setdefault(write.name, write.value)
                _shorten(self._names)
                return value
            case Mark():
                pass
        return None

    def _append(self, write: Append) -> None:
        self._extend(Extend(write.log, (write.row,), write.keep))

    def _extend(self, write: Extend) -> None:
        """All rows in one step: the journal brings one a call."""
        log = self._logs.setdefault(write.log, _Rows())
        rows = log.rows
        rows.extend(write.rows)
        log.last += len(write.rows)
        self._grow(sum(map(len, write.rows)) + OVERHEAD * len(write.rows))
        while len(rows) > write.keep:
            self._bytes -= len(rows.popleft()) + OVERHEAD

    def _added(self, write: Add) -> int:
        number, expires = self._sums.get(write.name, (0, write.expires))
        if expires is not None and expires <= self._wall():
            number, expires = 0, write.expires
        self._sums[write.name] = number + write.amount, expires
        _shorten(self._sums)
        return number + write.amount

    def _drop(self, table: str, key: bytes) -> None:
        held = self._tables.get(table)
        if held is not None and key in held:
            self._bytes -= size_of(held.pop(key))

    def _grow(self, size: int) -> None:
        """Count ``size`` more bytes, and let go of the oldest of the largest table, or log, until they fit."""
        self._bytes += size
        while self._bytes > self._most:
            table = max(self._tables.values(), key=len, default=None)
            if table:
                self._bytes -= size_of(table.popitem(last=False)[1])
                continue
            log = max(self._logs.values(), key=lambda log: len(log.rows))
            self._bytes -= size_of(Append("", log.rows.popleft(), 1))

    async def ask(self, question: Question) -> Any:
        """The answer. Raises Missed."""
        match question:
            case Get():
                table = self._tables.get(question.table)
                found = None if table is None else table.get(question.key)
                if found is not None and found.expires <= self._wall():
                    self._drop(question.table, question.key)
                    return None
                return None if found is None else found.value
            case Scan():
                return await self._scanned(question)
            case Read():
                return await self._read(question)
            case Last():
                last = self._logs.get(question.log, _Rows()).last
                return str(last) if last else ""

    async def _scanned(self, question: Scan) -> tuple[list[tuple[bytes, bytes]], None]:
        # As one batch: one that comes later would have to find its place again in a table that changes.
        now = self._wall()
        table = self._tables.get(question.table, OrderedDict[bytes, Put]())
        keys = list(dict.keys(table))  # in any order: that of an OrderedDict takes six times as long
        found: list[tuple[bytes, bytes]] = []
        for start in range(0, len(keys), SCANNED):
            if start:
                await asyncio.sleep(0)
            puts = [(key, table.get(key)) for key in keys[start : start + SCANNED]]
            found += [(key, put.value) for key, put in puts if put is not None and put.expires > now]
        return found, None

    async def _read(self, question: Read) -> list[Row]:
        until = self._now() + question.wait
        while True:
            rows = self._logs.get(question.log, _Rows()).read(question.after, question.limit)
            left = until - self._now()
            if rows or left <= 0:
                return rows
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.enter(question.log, woken)
            try:
                await asyncio.wait({woken}, timeout=left)
            finally:
                self._waiters.leave(question.log, woken)

    def numbers(self) -> dict[str, Any]:
        """See Desk."""
        return dict(IDLE)

    async def aclose(self) -> None:
        """Nothing is kept."""
        await asyncio.sleep(0)

    def __repr__(self) -> str:
        return f"<MemoryDesk {self._bytes} bytes in {len(self._tables)} tables and {len(self._logs)} logs>"


def _shorten(names: OrderedDict[str, Any]) -> None:
    while len(names) > MOST_NAMES:
        names.popitem(last=False)

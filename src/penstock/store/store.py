"""The port to stored state, over a Desk that carries out what is asked: memory, SQLite or Redis.

Enters: calls of the port. Leaves: writes and questions for the desk; what came of them is counted. Nothing fails that
the port does not name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from penstock.core.stored import Counters, Row
from penstock.store.asked import (
    LARGEST_KEY,
    LARGEST_VALUE,
    OPERATION,
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
    checked,
    count_of,
    position,
)
from penstock.store.counts import Counts

IDLE: dict[str, Any] = {"reachable": True, "trouble": "", "queued": 0, "queued_bytes": 0}
"""The numbers of a store that nobody has used."""

ANSWER_SECONDS = 2.0
"""So long a sum or a name is waited for; whether it was added is then not known."""
MOST_AMOUNT = 2**53
LATEST = 253_402_300_799.0
"""The end of the year 9999."""


class Desk(Protocol):
    """Carries out what is asked. What came of queued writes it counts itself."""

    counts: Counts

    @property
    def incarnation(self) -> str:
        """See the port."""

    def offer(self, write: Write) -> bool:
        """Queue it; False when there is no room."""

    async def ask(self, question: Question) -> Any:
        """The answer. Raises OSError while the store is away, and Missed."""

    def numbers(self) -> dict[str, Any]:
        """``reachable``, ``trouble`` in words, and the ``queued`` writes and ``queued_bytes``."""

    async def aclose(self) -> None:
        """Store what is queued, within a few seconds, and let go."""


class DeskStore:
    """A ``Store``; see the module. ``make`` is called when the first user asks for something: until then nothing was
    imported, opened or connected."""

    def __init__(self, kind: str, make: Callable[[], Desk], *, shared: bool) -> None:
        self.kind = kind
        self.shared = shared
        self._make = make
        self._made: Desk | None = None
        self._records: dict[str, DeskRecords] = {}
        self._logs: dict[str, DeskLog] = {}
        self.counters: Counters = DeskCounters(self)

    def open(self) -> Desk:
        """What carries out what is asked, made if nobody has asked before."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def incarnation(self) -> str:
        """See the port."""
        return "" if self._made is None else self._made.incarnation

    def records(self, table: str) -> DeskRecords:
        """See the port."""
        if table not in self._records:
            self._records[table] = DeskRecords(self.open(), checked(table))
        return self._records[table]

    def log(self, name: str, keep: int) -> DeskLog:
        """See the port. The newest ``keep`` counts."""
        if keep < 1:
            raise ValueError("a log keeps at least one row")
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = DeskLog(self.open(), checked(name))
        log.keep = keep
        return log

    async def flush(self) -> bool:
        """See the port."""
        desk = self._made
        if desk is None:
            return True
        lost = desk.counts.lost
        stored = await _replied(desk, Mark(asyncio.get_running_loop().create_future()))
        return bool(stored) and desk.counts.lost == lost

    def dump(self) -> dict[str, Any]:
        """As plain values: how it is, and what was asked of it."""
        if self._made is None:
            return {"kind": self.kind, **IDLE, "lost": 0, "operations": []}
        counts = self._made.counts
        return {"kind": self.kind, **self._made.numbers(), "lost": counts.lost, "operations": counts.rows()}

    async def aclose(self) -> None:
        """Store what is queued, and let go."""
        if self._made is not None:
            await self._made.aclose()

    def __repr__(self) -> str:
        return f"<DeskStore {self.kind}, {self._made or 'not used yet'!r}>"


class DeskRecords:
    """One table."""

    def __init__(self, desk: Desk, table: str) -> None:
        self._desk = desk
        self._table = table

    async def get(self, key: bytes) -> bytes | None:
        """See the port."""
        try:
            value: bytes | None = await self._desk.ask(Get(self._table, key))
        except OSError:
            self._desk.counts.note("get", "away")
            return None
        self._desk.counts.note("get", "none" if value is None else "ok")
        return value

    def put(self, key: bytes, value: bytes, expires: float) -> bool:
        """See the port."""
        if len(key) > LARGEST_KEY or len(value) > LARGEST_VALUE:
            self._desk.counts.note("put", "large")
            return False
        return _offer(self._desk, Put(self._table, key, value, _ending(expires)))

    def delete(self, keys: Sequence[bytes]) -> bool:
        """See the port."""
        return not keys or _offer(self._desk, Delete(self._table, tuple(keys)))

    async def scan(self) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """See the port."""
        cursor: str | None = ""
        while cursor is not None:
            try:
                batch, cursor = await self._desk.ask(Scan(self._table, cursor))
            except OSError:
                self._desk.counts.note("scan", "away")
                return
            self._desk.counts.note("scan", "ok")
            if batch:
                yield batch

    def __repr__(self) -> str:
        return f"<DeskRecords {self._table}>"


class DeskLog:
    """One log."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self._name = name
        self.keep = 1

    def append(self, row: bytes) -> bool:
        """See the port."""
        if len(row) > LARGEST_VALUE:
            self._desk.counts.note("append", "large")
            return False
        return _offer(self._desk, Append(self._name, row, self.keep))

    def extend(self, rows: Sequence[bytes]) -> bool:
        """See the port."""
        if sum(map(len, rows)) > LARGEST_VALUE:
            self._desk.counts.note("append", "large", len(rows))
            return False
        return not rows or _offer(self._desk, Extend(self._name, tuple(rows), self.keep))

    def drop(self, upto: str) -> bool:
        """See the port."""
        return _offer(self._desk, Drop(self._name, position(upto)))

    async def read(self, after: str, limit: int, wait: float = 0.0) -> list[Row]:
        """See the port."""
        position(after)
        try:
            rows: list[Row] = await self._desk.ask(Read(self._name, after, limit, wait))
        except OSError:
            self._desk.counts.note("read", "away")
            return []
        self._desk.counts.note("read", "ok" if rows else "none")
        return rows

    async def last(self) -> str:
        """See the port."""
        try:
            newest: str = await self._desk.ask(Last(self._name))
        except OSError:
            self._desk.counts.note("last", "away")
            return ""
        self._desk.counts.note("last", "ok" if newest else "none")
        return newest

    def __repr__(self) -> str:
        return f"<DeskLog {self._name} keeps {self.keep}>"


class DeskCounters:
    """The counters, and the names given once."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def add(self, name: str, amount: int, expires: float | None = None) -> int:
        """See the port."""
        if not -MOST_AMOUNT <= amount <= MOST_AMOUNT:
            raise ValueError(f"{amount} is too much for a counter")
        ends = None if expires is None else _ending(expires)
        reply = asyncio.get_running_loop().create_future()
        return int(await _replied(self._store.open(), Add(name, amount, ends, reply)))

    async def once(self, name: str, value: bytes) -> bytes:
        """See the port."""
        return bytes(await _replied(self._store.open(), Once(name, value, asyncio.get_running_loop().create_future())))


def _ending(expires: float) -> float:
    """A moment that every store can keep."""
    return max(0.0, expires) if expires < LATEST else LATEST  # also for what is no number


def _offer(desk: Desk, write: Write) -> bool:
    if desk.offer(write):
        return True
    desk.counts.note(OPERATION[type(write)], "full", count_of(write))
    return False


async def _replied(desk: Desk, write: Add | Once | Mark) -> Any:
    if not _offer(desk, write):
        raise OSError("the store's queue is full")
    if isinstance(write, Mark):
        return await write.reply
    timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, _give_up, write.reply)
    try:
        return await write.reply
    finally:
        timer.cancel()


def _give_up(reply: asyncio.Future[Any]) -> None:
    if not reply.done():
        reply.set_exception(OSError("the store did not answer in time"))

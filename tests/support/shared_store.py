"""A store in memory that several may share, that can be taken away, slowed down and emptied. For tests of its users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from penstock.core.stored import Missed, Row


class Shared:
    """What all see. ``away``: nobody reaches it; ``full``: no write is taken; ``slow``: seconds until a value comes."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[bytes, tuple[bytes, float]]] = {}
        self.logs: dict[str, list[bytes]] = {}
        self.names: dict[str, bytes] = {}
        self.sums: dict[str, int] = {}
        self.away = self.full = False
        self.slow = 0.0
        self.life = 1
        self.dropped = 0

    def lose(self) -> None:
        """It comes back empty."""
        self.tables, self.logs, self.names, self.sums = {}, {}, {}, {}
        self.life += 1


class FakeStore:
    """A ``Store`` over it."""

    def __init__(self, state: Shared, *, shared: bool = True) -> None:
        self.state = state
        self.shared = shared
        self.counters = FakeCounters(state)

    @property
    def incarnation(self) -> str:
        return str(self.state.life)

    def records(self, table: str) -> FakeRecords:
        return FakeRecords(self.state, table)

    def log(self, name: str, keep: int) -> FakeLog:
        return FakeLog(self.state, name, keep)

    async def flush(self) -> bool:
        await asyncio.sleep(self.state.slow)
        return not self.state.away


class FakeRecords:
    def __init__(self, state: Shared, table: str) -> None:
        self._state = state
        self._table = table

    @property
    def _rows(self) -> dict[bytes, tuple[bytes, float]]:
        return self._state.tables.setdefault(self._table, {})

    async def get(self, key: bytes) -> bytes | None:
        await asyncio.sleep(self._state.slow)
        return None if self._state.away else self._rows.get(key, (None, 0.0))[0]

    def put(self, key: bytes, value: bytes, expires: float) -> bool:
        if self._state.full:
            return False
        if not self._state.away:
            self._rows[key] = (value, expires)
        return True

    def delete(self, keys: Sequence[bytes]) -> bool:
        if not self._state.away:
            for key in keys:
                self._rows.pop(key, None)
        return True

    async def scan(self) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        if not self._state.away:
            rows = [(key, value) for key, (value, _) in self._rows.items()]
            for start in range(0, len(rows), 3):
                await asyncio.sleep(0)
                yield rows[start : start + 3]


class FakeLog:
    def __init__(self, state: Shared, name: str, keep: int) -> None:
        self._state = state
        self._name = name
        self._keep = keep

    @property
    def _rows(self) -> list[bytes]:
        return self._state.logs.setdefault(self._name, [])

    def append(self, row: bytes) -> bool:
        if not self._state.away:
            self._rows.append(row)
        return True

    async def read(self, after: str, limit: int, wait: float = 0.0) -> list[Row]:
        until = asyncio.get_running_loop().time() + wait
        while True:
            start = int(after or 0)
            if not self._state.away:
                if start > len(self._rows) or start < self._state.dropped:
                    raise Missed(after)
                found = self._rows[start : start + limit]
                if found:
                    return [(str(start + 1 + offset), row) for offset, row in enumerate(found)]
            if asyncio.get_running_loop().time() >= until:
                return []
            await asyncio.sleep(0.002)

    async def last(self) -> str:
        return "" if self._state.away else str(len(self._rows))


class FakeCounters:
    def __init__(self, state: Shared) -> None:
        self._state = state

    async def add(self, name: str, amount: int, expires: float | None = None) -> int:
        if self._state.away:
            raise OSError("away")
        self._state.sums[name] = self._state.sums.get(name, 0) + amount
        return self._state.sums[name]

    async def once(self, name: str, value: bytes) -> bytes:
        if self._state.away:
            raise OSError("away")
        return self._state.names.setdefault(name, value)

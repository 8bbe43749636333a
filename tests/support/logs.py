"""A log in memory as the store's protocol has it, for tests of what writes and reads rows."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec

from penstock.core.stored import Missed, Row

P = ParamSpec("P")


class ListLog:
    """Positions count from ``first``; ``trim`` lets the oldest rows go, ``full`` refuses new ones."""

    def __init__(self, rows: list[bytes] | None = None) -> None:
        self.rows = list(rows or [])
        self.gone = 0
        self.full = False
        self.reads = 0

    def append(self, row: bytes) -> bool:
        if not self.full:
            self.rows.append(row)
        return not self.full

    def extend(self, rows: Sequence[bytes]) -> bool:
        if not self.full:
            self.rows += rows
        return not self.full

    def trim(self, number: int) -> None:
        del self.rows[:number]
        self.gone += number

    def drop(self, upto: str) -> bool:
        self.trim(max(0, int(upto) - self.gone))
        return True

    async def read(self, after: str, limit: int, wait: float = 0.0) -> list[Row]:
        self.reads += 1
        begin = int(after) - self.gone if after else 0
        if begin < 0 or begin > len(self.rows):
            raise Missed(after)
        return [(str(self.gone + number + 1), self.rows[number]) for number in range(len(self.rows))][begin:][:limit]

    async def last(self) -> str:
        return str(self.gone + len(self.rows)) if self.rows else ""


def looped(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that waits for things, run on a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run

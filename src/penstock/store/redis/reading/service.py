"""The tasks that put questions to the server: those that came meanwhile together. Waiting for a log has a connection of
its own, for that one stands still.

Enters: questions. Leaves: answers. Fails with OSError within bounded time while the server is away, and with Missed.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock.core.stored import Missed, Row
from penstock.store.asked import Get, Last, Question, Read, Scan, position
from penstock.store.redis.commands import (
    block_command,
    last_command,
    logs_in,
    page_of,
    read_command,
    record_key,
    rows_of,
    scan_command,
)
from penstock.store.redis.service import Line
from penstock.store.trouble import Trouble
from penstock.store.waiters import Waiters

GET_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
BLOCK_SECONDS = 0.25
"""Who begins to wait for another log while one is waited for is heard of after so long."""
GATHER_SECONDS = 0.02
"""Who follows a log reads it no more often: rows that come quickly are read together, or each would cost the server a
command for every worker of the fleet."""
MOST_QUESTIONS = 5000
TOGETHER = 200
SCAN_KEYS = 500
SCAN_BYTES = 2 * 2**20
LATER_KEYS = 10
"""Records of a page that has become too large are asked for so many at a time."""


class Reading:
    """See the module."""

    name = "reading from redis"

    def __init__(self, line: Line, trouble: Trouble) -> None:
        self._line = line
        self._trouble = trouble
        self._questions: deque[tuple[Question, asyncio.Future[Any]]] = deque()
        self._asked = asyncio.Event()
        self._silent = False
        self.closed = False

    async def ask(self, question: Question) -> Any:
        """The answer. Raises OSError and Missed."""
        if self.closed or self._line.rests or (self._silent and isinstance(question, Get)):
            raise OSError("the store is closed" if self.closed else self._line.trouble or "the server does not answer")
        if len(self._questions) >= MOST_QUESTIONS:
            raise OSError("too many wait for the store")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        patience = GET_SECONDS if isinstance(question, Get) else PATIENCE_SECONDS
        timer = loop.call_later(patience, self._late, future)
        self._questions.append((question, future))
        self._asked.set()
        try:
            return await future
        finally:
            timer.cancel()

    def _late(self, future: asyncio.Future[Any]) -> None:
        """One has waited long enough; no call shall wait so long again before the server has said something."""
        self._silent = True
        _fail(future, OSError("the server did not answer in time"))

    async def run(self) -> None:
        """Answer, until cancelled."""
        while True:
            if not self._questions:
                self._asked.clear()
                await self._asked.wait()
            taken = [self._questions.popleft() for _ in range(min(TOGETHER, len(self._questions)))]
            together = [(question, future) for question, future in taken if not future.done()]
            self._silent = self._silent and bool(together)
            try:
                await self._answer(together)
            except asyncio.CancelledError:
                _fail_all(together, "the store is closed")
                raise
            except OSError as error:
                self._silent = False  # the line knows now
                self._trouble.met(error)
                _fail_all(together, str(error))

    async def _answer(self, together: Sequence[tuple[Question, asyncio.Future[Any]]]) -> None:
        gets = [(record_key(question.table, question.key), future) for question, future in together
                if isinstance(question, Get)]  # fmt: skip
        if gets:
            values = await self._reply("MGET", *(key for key, _ in gets))
            for (_, future), value in zip(gets, values, strict=True):
                _resolve(future, value)
        for question, future in together:
            if not isinstance(question, Get):
                try:
                    _resolve(future, await self._one(question))
                except Missed as error:
                    _fail(future, error)
                except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
                    _fail(future, OSError(f"the server's answer is not understood: {error}"))

    async def _one(self, question: Scan | Read | Last) -> Any:
        match question:
            case Scan():
                return await self._scanned(question)
            case Read():
                return await self._rows(question)
            case Last():
                return await self._last(question.log)

    async def _reply(self, *command: Any) -> Any:
        (reply,) = await self._line.run([command])
        self._silent = False
        if isinstance(reply, Exception):
            raise OSError(f"the server refuses: {reply}")
        return reply

    async def _rows(self, question: Read) -> list[Row]:
        log, after = question.log, question.after
        rows = rows_of(await self._reply(*read_command(log, after, question.limit)), log, after)
        if not rows and after and position(await self._last(log)) < position(after):
            raise Missed(f"the log {log} has begun anew")
        return rows if question.limit > 0 else []

    async def _last(self, log: str) -> str:
        rows = rows_of(await self._reply(*last_command(log)), log, "")
        return rows[0][0] if rows else ""

    async def _scanned(self, question: Scan) -> tuple[list[tuple[bytes, bytes]], str | None]:
        page = await self._reply(*scan_command(question.table, question.cursor, SCAN_KEYS, SCAN_BYTES))
        records, later, cursor = page_of(page)
        for start in range(0, len(later), LATER_KEYS):
            part = later[start : start + LATER_KEYS]
            values = await self._reply("MGET", *(record_key(question.table, key) for key in part))
            records.update((key, value) for key, value in zip(part, values, strict=True) if value is not None)
        return list(records.items()), cursor

    def close(self) -> None:
        """Nobody is answered any more."""
        self.closed = True
        _fail_all(self._questions, "the store is closed")
        self._questions.clear()

    def __repr__(self) -> str:
        return f"<Reading {len(self._questions)} questions on {self._line!r}>"


class Following:
    """Waits for rows of logs, for all who do. ``now`` tells monotonic seconds."""

    name = "following logs in redis"

    def __init__(self, line: Line, reading: Reading, now: Callable[[], float]) -> None:
        self._line = line
        self._reading = reading
        self._now = now
        self._waiters = Waiters()
        self._after: dict[str, str] = {}
        self._told: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def rows(self, question: Read) -> list[Row]:
        """The rows, or those that come until ``wait`` is over. Raises OSError and Missed."""
        until = self._now() + question.wait
        early = self._told.get(question.log, 0.0) + GATHER_SECONDS - self._now()
        if 0 < early < question.wait:
            await asyncio.sleep(early)
        while True:
            trouble: OSError | None = None
            rows: list[Row] = []
            try:
                rows = await self._reading.ask(question)
            except OSError as error:
                trouble = error
            left = until - self._now()
            if rows or left <= 0 or self._reading.closed:
                if trouble is not None:
                    raise trouble
                self._told[question.log] = self._now()
                return rows
            if trouble is not None:
                await asyncio.sleep(min(left, BLOCK_SECONDS))
            else:
                await self._wait(question, left)

    async def _wait(self, question: Read, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.enter(question.log, woken)
        self._after[question.log] = question.after
        self._changed.set()
        try:
            await asyncio.wait({woken}, timeout=seconds)
        finally:
            self._waiters.leave(question.log, woken)

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            watched = {log: after for log, after in self._after.items() if log in self._waiters}
            if not watched:
                self._after.clear()
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                (reply,) = await self._line.run([block_command(watched, int(BLOCK_SECONDS * 1000))])
            except OSError:
                await asyncio.sleep(max(self._line.rests, BLOCK_SECONDS))
                reply = None
            if isinstance(reply, Exception):
                await asyncio.sleep(BLOCK_SECONDS)
            for log in logs_in(reply):
                self._waiters.wake(log)

    def __repr__(self) -> str:
        return f"<Following {self._waiters!r} on {self._line!r}>"


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail_all(asked: Iterable[tuple[Question, asyncio.Future[Any]]], why: str) -> None:
    for _, future in asked:
        _fail(future, OSError(why))


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)

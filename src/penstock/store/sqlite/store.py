"""The SQLite store as the loop sees it: nothing here waits for the disk longer than it says.

Enters: writes, which are queued, and questions. Leaves: answers, or OSError when none came in time. The file is opened
by the first that is asked, on a thread. Trouble is told in the log, once a minute at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from penstock.core.stored import Row
from penstock.store.asked import Delete, Get, Question, Read, Write
from penstock.store.counts import Counts, settle
from penstock.store.sqlite.place.store import Place
from penstock.store.sqlite.schema import MIGRATIONS, Migration
from penstock.store.sqlite.service import Reader, Writer
from penstock.store.sqlite.statements import Damaged
from penstock.store.trouble import Trouble
from penstock.store.waiters import Waiters

log = logging.getLogger("penstock.store")

GET_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""For a scan or a log: a large file is checked before it is read."""
POLL_SECONDS = 0.2
MOST_QUESTIONS = 2000
CLOSE_SECONDS = 5.0


class SqliteDesk:
    """See the module. ``wall`` tells Unix seconds, ``now`` monotonic ones."""

    def __init__(
        self,
        path: str,
        wall: Callable[[], float],
        now: Callable[[], float],
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self.path = path
        self._wall = wall
        self._now = now
        self._place = Place(path, migrations)
        self._threads: tuple[Writer, Reader] | None = None
        self._waiters = Waiters()
        self._closed = False
        self._silent = False
        self.counts = Counts()
        self._trouble = Trouble(path, self.counts, now)

    @property
    def incarnation(self) -> str:
        """See the port."""
        return self._place.incarnation

    def _started(self) -> tuple[Writer, Reader]:
        if self._threads is None:
            loop = asyncio.get_running_loop()
            writer = Writer(self._place, loop, self._settled, self._wall)
            self._threads = writer, Reader(self._place, loop, self._replied, self._wall)
            for thread in self._threads:
                thread.start()
        return self._threads

    def offer(self, write: Write) -> bool:
        """See Desk."""
        return not self._closed and self._started()[0].offer(write)

    def _settled(self, batch: list[Write], results: list[Any] | OSError) -> None:
        settle(self.counts, batch, results)
        if isinstance(results, OSError):
            self._trouble.met(results, refused=True)
        else:
            self._trouble.over(written=True)
            self._waiters.wake_for(batch)

    async def ask(self, question: Question) -> Any:
        """The answer. Raises OSError and Missed."""
        if isinstance(question, Read) and question.wait > 0:
            return await self._followed(question)
        return await self._asked(question)

    async def _asked(self, question: Question) -> Any:
        if self._closed or (self._silent and isinstance(question, Get)):
            raise OSError("the store is closed" if self._closed else "the disk does not answer")
        reader = self._started()[1]
        if len(reader) >= MOST_QUESTIONS:
            raise OSError("too many wait for the store")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        patience = GET_SECONDS if isinstance(question, Get) else PATIENCE_SECONDS
        timer = loop.call_later(patience, self._late, future)
        reader.ask(question, future)
        try:
            answered = await future
            self._trouble.over(written=False)
            return answered
        except Damaged:
            if isinstance(question, Get):
                self.counts.note("get", "damaged")
                self.offer(Delete(question.table, (question.key,)))
            return None
        except OSError as error:
            self._trouble.met(error)
            raise
        finally:
            timer.cancel()

    def _late(self, future: asyncio.Future[Any]) -> None:
        """One has waited long enough; no call shall wait so long again before the disk has answered somebody."""
        self._silent = True
        if not future.done():
            future.set_exception(OSError("the disk did not answer in time"))

    def _replied(self, future: asyncio.Future[Any], answered: Any) -> None:
        self._silent = False
        if future.done():
            return
        if isinstance(answered, Exception):
            future.set_exception(answered)
        else:
            future.set_result(answered)

    async def _followed(self, question: Read) -> list[Row]:
        """Rows, or those that come until ``wait`` is over. What others write is seen by looking again."""
        until = self._now() + question.wait
        while True:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.enter(question.log, woken)
            try:
                rows: list[Row] = []
                trouble: OSError | None = None
                try:
                    rows = await self._asked(question)
                except OSError as error:
                    trouble = error
                left = until - self._now()
                if rows or left <= 0 or self._closed:
                    if trouble is not None:
                        raise trouble
                    return rows
                await asyncio.wait({woken}, timeout=min(left, POLL_SECONDS))
            finally:
                self._waiters.leave(question.log, woken)

    def numbers(self) -> dict[str, Any]:
        """See Desk."""
        backlog = None if self._threads is None else self._threads[0].backlog
        return {
            "reachable": not self._trouble.text,
            "trouble": self._trouble.text,
            "queued": 0 if backlog is None else len(backlog),
            "queued_bytes": 0 if backlog is None else backlog.bytes,
        }

    async def aclose(self) -> None:
        """See Desk."""
        self._closed = True
        if self._threads is None:
            return
        for thread in self._threads:
            thread.stop()
        until = self._now() + CLOSE_SECONDS
        while any(thread.is_alive() for thread in self._threads) and self._now() < until:  # noqa: ASYNC110 - once in a life, and short
            await asyncio.sleep(0.005)
        if self._threads[0].is_alive():
            log.error("the store %s does not end; %d writes are lost", self.path, len(self._threads[0].backlog))

    def __repr__(self) -> str:
        return f"<SqliteDesk {self.path}, {self._trouble.text or 'well'}>"

"""The Redis store: writes go out on one connection, questions on a second, whoever waits for a log on a third.

Enters: writes, which are queued, and questions. Leaves: answers, or OSError while the server is away. A server that
came back empty is another incarnation, noticed within about a second.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from penstock.core.tasks import Crew
from penstock.store.asked import Put, Question, Read, Write
from penstock.store.counts import Counts
from penstock.store.redis.commands import tidy_command
from penstock.store.redis.reading.service import Following, Reading
from penstock.store.redis.service import Address, Line, TooOld
from penstock.store.redis.writing.service import Writing
from penstock.store.trouble import Trouble

log = logging.getLogger("penstock.store")

READ_SECONDS = 2.0
WRITE_SECONDS = 5.0
CHECK_SECONDS = 1.0
TIDY_CHECKS = 60
CLOSE_SECONDS = 2.0


class RedisDesk:
    """See the module. ``wall`` tells Unix seconds, ``now`` monotonic ones."""

    def __init__(self, url: str, wall: Callable[[], float], now: Callable[[], float]) -> None:
        self._address = Address(url)
        self._wall = wall
        self.counts = Counts()
        self._trouble = Trouble(f"redis at {self._address.name}", self.counts, now)
        self._lines = [
            Line(self._address, now, seconds) for seconds in (WRITE_SECONDS, READ_SECONDS, READ_SECONDS, READ_SECONDS)
        ]
        self._writing = Writing(self._lines[0], self.counts, self._trouble, wall)
        self._reading = Reading(self._lines[1], self._trouble)
        self._following = Following(self._lines[2], self._reading, now)
        self._crew = Crew("store")
        self._tables: set[str] = set()
        self._closed = False
        self._serves = False

    async def begin(self, seconds: float) -> None:
        """See whether the server is there, for so long at most, and serve from now on. Raises TooOld."""
        try:
            async with asyncio.timeout(seconds):
                await self._lines[3].ask_incarnation()
        except TooOld:
            raise
        except (OSError, TimeoutError) as error:
            self._trouble.met(str(error) or "it does not answer yet")
        self._serve()

    def _serve(self) -> None:
        if not self._serves:
            self._serves = True
            for service in (self._writing, self._reading, self._following):
                self._crew.supervise(service)
            self._crew.spawn(self._look(), "look whether it was emptied")

    @property
    def incarnation(self) -> str:
        """See the port."""
        return self._address.incarnation

    def offer(self, write: Write) -> bool:
        """See Desk."""
        if self._closed:
            return False
        self._serve()
        if isinstance(write, Put):
            self._tables.add(write.table)
        return self._writing.offer(write)

    async def ask(self, question: Question) -> Any:
        """The answer. Raises OSError and Missed."""
        if self._closed:
            raise OSError("the store is closed")
        self._serve()
        if isinstance(question, Read) and question.wait > 0:
            return await self._following.rows(question)
        return await self._reading.ask(question)

    async def _look(self) -> None:
        """See every second which incarnation the server is, and whether it is there; forget the keys of records that
        have ended, now and then, at moments that differ from worker to worker."""
        checks = random.randrange(TIDY_CHECKS)
        while True:
            emptied = self._address.emptied
            checks = (checks + 1) % TIDY_CHECKS
            try:
                await self._lines[3].ask_incarnation()
                self._trouble.over(written=False)
                if not checks:
                    await self._lines[3].run([tidy_command(table, self._wall()) for table in sorted(self._tables)])
            except OSError as error:
                self._trouble.met(error)
            if self._address.emptied != emptied:
                log.warning("the store redis at %s came back empty", self._address.name)
            await asyncio.sleep(CHECK_SECONDS)

    def numbers(self) -> dict[str, Any]:
        """See Desk."""
        trouble = self._trouble.text
        backlog = self._writing.backlog
        return {
            "reachable": not trouble,
            "trouble": trouble,
            "queued": len(backlog),
            "queued_bytes": backlog.bytes,
        }

    async def aclose(self) -> None:
        """See Desk."""
        if self._closed:
            return
        self._closed = True
        self._reading.close()
        await self._writing.aclose(CLOSE_SECONDS)
        await self._crew.aclose()
        for line in self._lines:
            await line.aclose()

    def __repr__(self) -> str:
        return f"<RedisDesk {self._address.name}, {self._trouble.text or 'well'}>"

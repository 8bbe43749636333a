"""The task that sends queued writes to the server, batch by batch. What broke on its way is sent once more.

Enters: writes. Leaves: what came of them, counted and answered. While the server is away they wait, as far as the queue
has room; who waits for an answer gets OSError at once. A row of a log whose sending broke may be there twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from penstock.store.asked import Add, Mark, Once, Write
from penstock.store.backlog import Backlog
from penstock.store.counts import Counts, settle
from penstock.store.redis.commands import commands_of, result_of
from penstock.store.redis.service import Line
from penstock.store.trouble import Trouble

log = logging.getLogger("penstock.store")

BATCH_WRITES = 500
BATCH_BYTES = 4 * 2**20


class Writing:
    """See the module. ``wall`` tells Unix seconds."""

    name = "writing to redis"

    def __init__(self, line: Line, counts: Counts, trouble: Trouble, wall: Callable[[], float]) -> None:
        self._line = line
        self._counts = counts
        self._trouble = trouble
        self._wall = wall
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._again: list[Write] = []
        self.backlog = Backlog()

    def offer(self, write: Write) -> bool:
        """Queue ``write``; False when there is no room."""
        if isinstance(write, Add | Once | Mark) and self._line.rests:
            settle(self._counts, (write,), OSError(self._line.trouble))
            return True
        if not self.backlog.offer(write):
            return False
        self._queued.set()
        self._idle.clear()
        return True

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            if not self._again and not self.backlog:
                self._idle.set()
                self._queued.clear()
                await self._queued.wait()
            again, self._again = self._again, []
            batch = again or self.backlog.take(BATCH_WRITES, BATCH_BYTES)
            try:
                results = await self._sent(batch)
            except asyncio.CancelledError:
                settle(self._counts, batch, OSError("the store was closed"))
                raise
            except OSError as error:
                self._trouble.met(error)
                self._again = self._keep(batch, error, first_try=not again)
                await asyncio.sleep(self._line.rests)
            except Exception as error:  # no write may end the sending of all others
                log.exception("writes could not be sent")
                settle(self._counts, batch, OSError(str(error)))
            else:
                self._settle(batch, results)

    def _keep(self, batch: list[Write], error: OSError, *, first_try: bool) -> list[Write]:
        """What of a batch that did not arrive is to be sent again. Who waits for an answer is told now."""
        kept: list[Write] = [write for write in batch if first_try and not isinstance(write, Add | Once | Mark)]
        lost = [write for write in batch if not first_try or isinstance(write, Add | Once | Mark)]
        for write in (*lost, *self.backlog.take_awaited()):
            settle(self._counts, (write,), OSError(str(error)))
        return kept

    async def _sent(self, batch: Sequence[Write]) -> list[Any]:
        """What came of each: a result, or an exception. Raises OSError."""
        now = self._wall()
        commands = [commands_of(write, now) for write in batch]
        flat = [command for several in commands for command in several]
        replies = iter(await self._line.run(flat) if flat else ())
        results: list[Any] = []
        for write, several in zip(batch, commands, strict=True):
            own = [next(replies) for _ in several]
            refused = next((reply for reply in own if isinstance(reply, Exception)), None)
            results.append(refused or result_of(write, own[-1] if own else None))
        return results

    def _settle(self, batch: Sequence[Write], results: Sequence[Any]) -> None:
        """The server has answered; it may have refused some, such as when its memory is full."""
        refusal: Exception | None = None
        for write, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                refusal = result
                settle(self._counts, (write,), OSError(str(result)))
            else:
                settle(self._counts, (write,), (result,))
        if refusal is None:
            self._trouble.over(written=True)
        else:
            self._trouble.met(f"the server refuses: {refusal}", refused=True)

    async def aclose(self, seconds: float) -> None:
        """Wait until what is queued was sent, for so long at most."""
        if not self._line.rests:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                pass
        left = self._again + self.backlog.take(len(self.backlog), self.backlog.bytes + 1)
        if left:
            settle(self._counts, left, OSError("the store was closed"))

    def __repr__(self) -> str:
        return f"<Writing {self.backlog!r} on {self._line!r}>"

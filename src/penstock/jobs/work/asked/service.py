"""The lines of one job on their way: asked as the pace allows, asked again where it helps, kept when they are answered.

Enters: an Input and a Log. Leaves: outcomes in the log, many together, each on the disk before it counts. May fail: not
at all; while the disk takes nothing the answers are held, and no further line is asked.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.core.tasks import Crew
from penstock.jobs.job import Job
from penstock.jobs.lines import Line, WrongLine
from penstock.jobs.place.service import in_thread
from penstock.jobs.record import Outcome
from penstock.jobs.results.store import Log
from penstock.jobs.verdict import outcome_of

if TYPE_CHECKING:
    from penstock.jobs.pace import Pace
    from penstock.jobs.work.service import Desk
    from penstock.jobs.work.store import Input

log = logging.getLogger("penstock")

ANSWER_BYTES = 16 * 1024
"""Counted for an answer while it is not there."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
STALL_SECONDS = 1.0
"""Between two tries of a disk that takes nothing."""


class Queue:
    """See the module."""

    def __init__(self, desk: Desk, job: Job, pace: Pace, lines: Input, kept: Log, crew: Crew) -> None:
        self._desk = desk
        self._job = job
        self._pace = pace
        self._lines = lines
        self._log = kept
        self._crew = crew
        self._fresh: Iterator[int] = (n for n in range(len(lines)) if n not in kept.done)
        self._next = next(self._fresh, None)
        self._again: list[tuple[float, int, int]] = []
        self._answered: list[Outcome] = []
        self._counted: dict[int, int] = {}
        self._changed = asyncio.Event()
        self._to_keep = asyncio.Event()
        self.in_flight = 0
        self.stalled = False

    @property
    def finished(self) -> bool:
        """Whether every line is done."""
        return len(self._log.done) >= len(self._lines)

    @property
    def waiting(self) -> int:
        """Lines that were not asked, or have to be asked again."""
        return max(0, len(self._lines) - len(self._log.done) - self.in_flight - len(self._answered))

    def send(self) -> None:
        """Ask as many as may be."""
        desk, now = self._desk, self._desk.now()
        self._pace.most = max(1, desk.config.concurrency // max(1, desk.numbers.running))
        room = (
            0
            if self.stalled
            else self._pace.room(self.in_flight + len(self._answered), desk.asking.in_flight, desk.overload, now)
        )
        while room > 0:
            again = bool(self._again) and self._again[0][0] <= now
            if again:
                _, n, tries = self._again[0]
            elif self._next is not None:
                n, tries = self._next, 0
            else:
                return
            size = self._lines.size(n) + ANSWER_BYTES
            if not desk.account.reserve(size):
                return  # what is in flight gives room
            if again:
                heapq.heappop(self._again)
            else:
                self._next = next(self._fresh, None)
            self._counted[n] = size
            self.in_flight += 1
            room -= 1
            self._crew.spawn(self._ask(n, tries), "line")

    async def _ask(self, n: int, tries: int) -> None:
        desk, line = self._desk, None
        try:
            line = self._lines.line(n, self._job.endpoint)
            outcome = await self._answer(line, n, tries)
        except WrongLine as wrong:
            problem = wrong.problem
            outcome = Outcome(n, "" if line is None else line.custom_id, "error", code=problem.code,
                              message=problem.message)  # fmt: skip
        finally:
            self.in_flight -= 1
            self._changed.set()
        if outcome is None:
            desk.account.release(self._counted.pop(n))
            return
        self._answered.append(outcome)
        self._to_keep.set()

    async def _answer(self, line: Line, n: int, tries: int) -> Outcome | None:
        """None when it is to be asked again."""
        desk = self._desk
        desk.numbers.lines["asked"] += 1
        answer = await desk.asking.ask(self._job, line)
        verdict = answer.verdict
        now = desk.now()
        if verdict == "full":
            self._pace.full(now, answer.retry_after)
            heapq.heappush(self._again, (now, n, tries))
        elif verdict == "again" and tries + 1 < desk.config.attempts:
            wait = answer.retry_after or min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
            heapq.heappush(self._again, (now + wait, n, tries + 1))
        else:
            self._pace.well()
            desk.numbers.lines["ok" if verdict == "ok" else "error"] += 1
            return outcome_of(line, n, answer)
        desk.numbers.lines[verdict] += 1
        return None

    async def keep_answers(self) -> None:
        """Write answers down as they come, all that are there at once."""
        while True:
            await self._to_keep.wait()
            self._to_keep.clear()
            while self._answered:
                batch = list(self._answered)
                try:
                    await in_thread(self._log.append, batch)
                except OSError as error:
                    if not self.stalled:
                        log.error("job %s stands still: its answers cannot be kept: %s", self._job.id, error)
                    self.stalled = True
                    self._desk.numbers.stalled += 1
                    await asyncio.sleep(STALL_SECONDS)
                    continue
                self.stalled = False
                self._forget(batch)
                self._changed.set()

    def _forget(self, batch: list[Outcome]) -> None:
        del self._answered[: len(batch)]
        for outcome in batch:
            self._desk.account.release(self._counted.pop(outcome.n))

    async def changed(self, within: float) -> None:
        """Until something has, or a line's time has come."""
        if self._again:
            within = min(within, max(0.01, self._again[0][0] - self._desk.now()))
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def rest(self, grace: float) -> None:
        """Until what is in flight has come back and is kept, for ``grace`` seconds."""
        until = self._desk.now() + grace
        while (self.in_flight or self._answered) and (left := until - self._desk.now()) > 0:
            await self.changed(min(left, 0.5))

    def drop(self) -> None:
        """Keep what has come and was not kept; forget the rest, which is asked again."""
        if self._answered:
            try:
                self._log.append(self._answered)
            except OSError as error:
                log.error("job %s: %d answers could not be kept: %s", self._job.id, len(self._answered), error)
        self._answered.clear()
        for size in self._counted.values():
            self._desk.account.release(size)
        self._counted.clear()

    def __repr__(self) -> str:
        return f"<Queue {self.in_flight} in flight, {len(self._again)} again, {len(self._answered)} to keep>"

"""One job at work: checked, asked line by line in the room that others leave, and finished. Whoever runs it holds its
lock.

Enters: a job as it lies on disk, however far it was. Leaves: the job ended, or further. Being cancelled, or killed, at
any moment loses no answer that was kept. May fail: OSError, and then the job is taken up again later.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from penstock.core.overload import Overload
from penstock.core.ports import Account
from penstock.core.tasks import Crew
from penstock.jobs.asking.service import Asking
from penstock.jobs.config import JobsConfig
from penstock.jobs.delegation.service import Bill, Delegation, Partner
from penstock.jobs.job import Delegated, Job
from penstock.jobs.lines import Checking, Problem
from penstock.jobs.numbers import Numbers
from penstock.jobs.pace import Pace
from penstock.jobs.place.service import in_thread
from penstock.jobs.record import Sums
from penstock.jobs.results.store import Log
from penstock.jobs.store import INPUT, LOG, Shelf
from penstock.jobs.work.asked.service import Queue
from penstock.jobs.work.store import Input, finish

log = logging.getLogger("penstock")

LOOK_SECONDS = 0.5
"""How often it is seen whether the job shall go on, and how far it is told."""
GRACE_SECONDS = 30.0
"""For lines in flight when their job is stopped: they are paid for already."""


@dataclass(slots=True)
class Desk:
    """What jobs work with: one a worker. ``knows``: whether a model may be asked for; ``may``: whether a key is good;
    ``partner``: who may be given a whole job (or has it), instead of working it off here; ``bill``: what they did."""

    shelf: Shelf
    config: JobsConfig
    asking: Asking
    account: Account
    overload: Overload
    numbers: Numbers
    now: Callable[[], float]
    wall: Callable[[], float]
    knows: Callable[[str], bool]
    may: Callable[[str], bool]
    stopping: Callable[[], bool]
    partner: Callable[[Job], Partner | None]
    bill: Bill


class Work:
    """See the module. ``lock`` is closed at the end."""

    def __init__(self, desk: Desk, job: Job, lock: int) -> None:
        self.desk = desk
        self.job = job
        self.pace = Pace(desk.config.concurrency, desk.config.load)
        self.queue: Queue | None = None
        self._lock = lock
        self._log: Log | None = None
        self._lines: Input | None = None

    @property
    def sums(self) -> Sums | None:
        """How far it is; None before it has begun."""
        return None if self._log is None else self._log.sums

    async def run(self) -> None:
        """See the module."""
        try:
            await self._run()
        finally:
            if self._log is not None:
                self._log.close()
            if self._lines is not None:
                self._lines.close()
            os.close(self._lock)

    async def _run(self) -> None:
        desk, folder = self.desk, self.desk.shelf.folder(self.job)
        lines = self._lines = Input(os.path.join(folder, INPUT), desk.config.max_line)
        kept = self._log = await in_thread(Log, desk.shelf.place, os.path.join(folder, LOG))
        if self.job.status == "validating":
            if not await self._check(lines):
                return
        else:
            await in_thread(lines.index)
        if not self.job.finalizing:
            self._look()
            await self._pass_on(lines, kept)
            if not self.job.stopped and not desk.stopping():
                await self._work_off(lines, kept)
            if desk.stopping() and not self.job.stopped and len(kept.done) < self.job.total:
                return
            await self._save(finalizing=desk.wall(), status="finalizing")
        await self._finish(lines, kept)

    async def _check(self, lines: Input) -> bool:
        """Whether all lines can be asked. If not the job ends here, and says why."""
        desk = self.desk
        checking = Checking(self.job.endpoint, desk.config.max_lines, desk.config.max_line, desk.knows)
        await in_thread(lines.index, checking)
        if checking.problems:
            problems: list[Problem] = checking.problems
            await self._save(status="failed", ended=desk.wall(), problems=problems)
            desk.numbers.ended["failed"] += 1
            return False
        model = next(iter(checking.models)) if len(checking.models) == 1 else ""
        await self._save(status="in_progress", begun=desk.wall(), total=len(lines), model=model)
        return True

    async def _pass_on(self, lines: Input, kept: Log) -> None:
        """Let a provider do it, where that pays. What it leaves is done here."""
        desk, job = self.desk, self.job
        if job.stopped and job.delegated is None:
            return
        if (job.delegated is not None and job.delegated.over) or (job.delegated is None and kept.done):
            return
        partner = desk.partner(job)
        if partner is None:
            if job.delegated is not None and job.delegated.batch and not job.stopped:
                raise OSError(f"it was passed on to {job.delegated.upstream}, which is not configured any more")
            return

        async def save(at: Delegated) -> None:
            await self._save(delegated=at)

        def stopped() -> bool:
            self._look()
            return bool(self.job.stopped) or desk.stopping()

        delegation = Delegation(
            job, partner, lines, kept, desk.shelf.folder(job), desk.config.delegate.poll,
            now=desk.now, next_id=desk.asking.next_id, save=save, stopped=stopped, leaving=desk.stopping,
            bill=desk.bill,
        )  # fmt: skip
        await delegation.run()

    async def _work_off(self, lines: Input, kept: Log) -> None:
        """Ask all lines that are not done, until they are or the job is stopped."""
        crew = Crew(f"job {self.job.id}")
        queue = self.queue = Queue(self.desk, self.job, self.pace, lines, kept, crew)
        crew.spawn(queue.keep_answers(), "keep")
        try:
            look_at = 0.0
            while not queue.finished:
                if self.desk.now() >= look_at:
                    look_at = self.desk.now() + LOOK_SECONDS
                    self._look()
                    await self._tell(kept)
                if self.job.stopped or self.desk.stopping():
                    break
                queue.send()
                await queue.changed(LOOK_SECONDS)
            await queue.rest(GRACE_SECONDS)
        finally:
            self.queue = None
            await crew.aclose()
            queue.drop()

    def _look(self) -> None:
        """Whether it shall go on."""
        desk, job = self.desk, self.job
        if job.stopped:
            return
        now = desk.shelf.job(job.key, job.id)
        if now.cancelling or not desk.may(job.key):
            cancelling = now.cancelling or desk.wall()
            problems = job.problems
            if not now.cancelling:
                problems = [*problems, Problem("key_revoked", "the key whose job it is was revoked")]
            self.job = job.changed(stopped="cancelled", cancelling=cancelling, problems=problems)
        elif desk.wall() >= job.expires:
            self.job = job.changed(stopped="expired")

    async def _tell(self, kept: Log) -> None:
        """Say how far it is. A disk that is full does not stop a job for that."""
        try:
            await in_thread(self.desk.shelf.save_counts, self.job, kept.sums)
        except OSError as error:
            log.warning("job %s cannot say how far it is: %s", self.job.id, error)

    async def _save(self, **facts: object) -> None:
        self.job = self.job.changed(**facts)
        await in_thread(self.desk.shelf.save, self.job)

    async def _finish(self, lines: Input, kept: Log) -> None:
        """Make its files, then say that it has ended, then let its work go. Each step may be done twice."""
        desk = self.desk
        output, errors = await in_thread(finish, desk.shelf, self.job, kept, lines, desk.config.keep)
        status = self.job.stopped or "completed"
        await in_thread(desk.shelf.save_counts, self.job, kept.sums, sync=True)
        await self._save(status=status, ended=desk.wall(), output_file=output, error_file=errors)
        await in_thread(desk.shelf.drop_work, self.job)
        desk.numbers.ended[status] += 1

    def __repr__(self) -> str:
        return f"<Work {self.job.id} {self.job.status}, {self.pace!r}>"

"""The jobs of one worker: looks for those that nobody runs, takes as many as it may, and sweeps what has expired.

Enters: the Shelf, which workers and gateways may share. Leaves: Works, each on a job whose lock it holds. May fail: a
job whose disk fails is left, and taken up again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from penstock.core.tasks import Crew
from penstock.jobs.job import ENDED, Job
from penstock.jobs.place.service import in_thread
from penstock.jobs.work.service import Desk, Work

log = logging.getLogger("penstock")

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 60.0
PAUSE_SECONDS = 5.0
"""For a job that could not go on."""


class Jobs:
    """See the module. ``wake`` has it look at once."""

    name = "jobs"

    def __init__(self, desk: Desk, crew: Crew) -> None:
        self.desk = desk
        self.ended: set[str] = set()
        self.works: dict[str, Work] = {}
        self._crew = crew
        self._wake = asyncio.Event()
        self._rests: dict[str, float] = {}
        self._sweep_at = 0.0

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def run(self) -> None:
        """See the module."""
        while True:
            try:
                await self._look()
            except OSError as error:
                log.warning("jobs cannot be looked for: %s", error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _look(self) -> None:
        desk = self.desk
        if not desk.config.enabled or not desk.shelf.place.exists:
            return
        if desk.now() >= self._sweep_at:
            self._sweep_at = desk.now() + SWEEP_SECONDS
            gone = await in_thread(desk.shelf.sweep, desk.wall(), desk.config.keep)
            if gone:
                log.info("%d files and jobs were let go: they had expired, or were never finished", gone)
        found = await in_thread(self._open_jobs)
        desk.numbers.open = Counter(job.status for job in found)
        desk.numbers.disk = desk.shelf.used
        for job in found:
            if len(self.works) >= desk.config.running or desk.stopping():
                break
            if job.id not in self.works and self._rests.get(job.id, 0.0) <= desk.now():
                await self._take(job)
        self._count()

    def _open_jobs(self) -> list[Job]:
        """Those that have not ended, the eldest first; the ids of the others are remembered."""
        found: list[Job] = []
        for job in self.desk.shelf.all_jobs(self.ended):
            if job.status in ENDED:
                self.ended.add(job.id)
            else:
                found.append(job)
        return sorted(found, key=lambda job: job.created)

    async def _take(self, job: Job) -> None:
        """Run it, if nobody does."""
        lock = await in_thread(self.desk.shelf.lock, job)
        if lock is None:
            return
        fresh = await in_thread(self.desk.shelf.stored, job)  # it may have gone on since it was looked at
        if fresh is None or fresh.status in ENDED:
            self.desk.shelf.unlock(lock)
            return
        work = self.works[job.id] = Work(self.desk, fresh, lock)
        self.desk.numbers.running = len(self.works)
        self._crew.spawn(self._run(work), f"job {job.id}")

    async def _run(self, work: Work) -> None:
        id = work.job.id
        try:
            await work.run()
        except OSError as error:
            log.error("job %s cannot go on now: %s", id, error)
            self._rests[id] = self.desk.now() + PAUSE_SECONDS
        except Exception:
            log.exception("job %s failed; it is tried again", id)
            self._rests[id] = self.desk.now() + PAUSE_SECONDS
        else:
            self._rests.pop(id, None)
        finally:
            del self.works[id]
            self._count()
            self.wake()

    def _count(self) -> None:
        numbers = self.desk.numbers
        queues = [(work.queue, work.pace) for work in self.works.values() if work.queue is not None]
        numbers.running = len(self.works)
        numbers.waiting = sum(queue.waiting for queue, _ in queues)
        numbers.in_flight = self.desk.asking.in_flight
        numbers.limit = sum(pace.limit for _, pace in queues)

    def dump(self) -> dict[str, object]:
        """This worker's numbers as plain values."""
        self._count()
        return self.desk.numbers.dump()

    def __repr__(self) -> str:
        return f"<Jobs {list(self.works)}>"

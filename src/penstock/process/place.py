"""One worker's place: a socket that stays, and the process that serves on it; another one when it dies or is renewed.

``keep`` runs it until told to stop. ``renew`` starts a second process on the same socket, and once that one serves has
the first take nothing more and end with its last call: between the two no call is refused. May fail: the new process
does not come to serve; then the old one stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock.core.tasks import Crew
from penstock.net.children import Backoff
from penstock.process.children import WorkerProcess
from penstock.process.link import LinkError

log = logging.getLogger("penstock")

CALM_SECONDS = 60.0
"""A worker that lived this long died of something new: the pause before the next starts small again."""
ANSWER_SECONDS = 10.0
MOST_LEAVING = 2
"""Processes of one place that still end their calls: each takes as much memory as one that serves."""

Make = Callable[[asyncio.Event], WorkerProcess]
"""Makes the next process, which sets the event once it serves."""


class Place:
    """See the module. ``process`` is the one that serves; ``lives`` are all that run here, those that leave too."""

    def __init__(self, number: int, make: Make, stop: asyncio.Event, crew: Crew) -> None:
        self.number = number
        self.process: WorkerProcess | None = None
        self.lives: dict[WorkerProcess, asyncio.Task[int]] = {}
        self._make = make
        self._stop = stop
        self._crew = crew
        self._backoff = Backoff(0.2, 10.0)

    async def keep(self, served: asyncio.Event) -> str:
        """Run a worker, and another after it whenever it dies; but not when the first never served: gives why then.
        Ends when told to stop, and when somebody else has taken over the place."""
        while not self._stop.is_set():
            began = asyncio.get_running_loop().time()
            process, life = self._begin(served)
            self.process = process
            status = await life
            if not served.is_set() and not self._stop.is_set():
                return f"worker {self.number} ended {_how(status)} before it served; the log says more"
            if await self._is_over(process, status, began):
                return ""
        return ""

    def _begin(self, served: asyncio.Event) -> tuple[WorkerProcess, asyncio.Task[int]]:
        process = self._make(served)
        life = self.lives[process] = self._crew.spawn(process.run(), f"worker {self.number}")
        life.add_done_callback(lambda _: self.lives.pop(process, None))
        return process, life

    async def _stay(self, process: WorkerProcess, life: asyncio.Task[int], served: asyncio.Event, began: float) -> None:
        """Go on with a process that runs already."""
        if not await self._is_over(process, await life, began):
            await self.keep(served)

    async def _is_over(self, process: WorkerProcess, status: int, began: float) -> bool:
        """A process has ended: whether nobody is to follow it. If one is, a pause has passed."""
        if self._stop.is_set() or self.process is not process:
            return True
        if asyncio.get_running_loop().time() - began > CALM_SECONDS:
            self._backoff.reset()
        pause = self._backoff.failed()
        how = _how(status)
        log.error("worker %d (pid %d) ended %s; another follows in %.1f s", self.number, process.pid, how, pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stop.wait()
        return self._stop.is_set() or self.process is not process

    async def renew(self, start: float, leave: float) -> str:
        """Have another process serve here: it may take ``start`` seconds to come, and the old one ``leave`` to end with
        its last call. Returns once the new one serves: "", or why it does not."""
        if len(self.leaving) >= MOST_LEAVING:
            return f"worker {self.number}: {MOST_LEAVING} processes of earlier restarts have not ended their calls yet"
        began = asyncio.get_running_loop().time()
        served = asyncio.Event()
        fresh, life = self._begin(served)
        waits = [self._crew.spawn(event.wait(), "renew") for event in (served, self._stop)]
        await asyncio.wait({life, *waits}, timeout=start, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not served.is_set():
            fresh.kill()
            how = f"ended {_how(life.result())}" if life.done() else f"did not come to serve within {start:g} s"
            return f"worker {self.number}: the new process {how}; the old one serves on, the log says more"
        old, self.process = self.process, fresh
        self._crew.spawn(self._stay(fresh, life, served, began), f"worker {self.number}")
        if old is not None:
            self._crew.spawn(self._part(old, leave), f"worker {self.number} leaves")
        return ""

    async def _part(self, old: WorkerProcess, leave: float) -> None:
        log.info("worker %d (pid %d) was renewed: it ends with its last call", self.number, old.pid)
        try:
            await old.ask("leave", leave, within=leave + ANSWER_SECONDS)
        except LinkError as error:
            log.warning("worker %d (pid %d) does not leave as it was told: %s", self.number, old.pid, error)
            old.kill()

    @property
    def leaving(self) -> list[WorkerProcess]:
        """Those that end with their last calls, or are just coming."""
        return [process for process in self.lives if process is not self.process]

    def signal(self, number: int) -> None:
        """Send a signal to all processes here."""
        for process in list(self.lives):
            process.signal(number)

    def __repr__(self) -> str:
        return f"<Place {self.number} {self.process!r}, {len(self.leaving)} leaving>"


async def renew_all(places: Sequence[Place], gate: asyncio.Lock, start: float, leave: float) -> dict[str, Any]:
    """Renew each of ``places``, one after another; who fails ends it. Two at once are one too many for ``gate``."""
    if not places:
        return _refused("with one worker there is nobody to serve meanwhile: set listen.workers to 2 or more")
    if gate.locked():
        return _refused("a restart is under way")
    async with gate:
        for place in places:
            if problem := await place.renew(start, leave):
                return _refused(problem)
    log.info("all %d workers were renewed", len(places))
    return {"ok": True, "workers": len(places), "problems": []}


async def ended(lives: Iterable[asyncio.Task[int]], within: float) -> None:
    """Wait for the ends of those, but for ``within`` seconds at most."""
    if running := [life for life in lives if not life.done()]:
        await asyncio.wait(running, timeout=within)


def _refused(problem: str) -> dict[str, Any]:
    log.error("restart: %s", problem)
    return {"ok": False, "problems": [problem]}


def _how(status: int) -> str:
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"

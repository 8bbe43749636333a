"""Runs the tasks of a warm-up, each under its timeout; and keeps connections open while serving.

Enters: a Plan and what does each task. Leaves: outcomes, readiness, one line in the log at the end. Nothing that a task
does fails the start: it is named and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from penstock.core.errors import Fail
from penstock.core.tasks import Crew
from penstock.warmup.keeping import Dial, Pace
from penstock.warmup.tasks import Plan, Task

log = logging.getLogger("penstock")

Work = Callable[[], Awaitable[object]]
DIALS_AT_ONCE = 32


class Warmup:
    """See the module. ``work`` is what each task of the plan does, by its name; ``over`` is set after the last."""

    name = "warm-up"

    def __init__(self, plan: Plan, work: Mapping[str, Work], crew: Crew, now: Callable[[], float]) -> None:
        self.plan = plan
        self._work = work
        self._crew = crew
        self._now = now
        self._ready = asyncio.Event()
        self._changed = asyncio.Event()
        self.over = asyncio.Event()

    async def run(self) -> None:
        """Do all of it."""
        plan = self.plan
        while True:
            for task in plan.due(self._now()):
                self._crew.spawn(self._do(task), f"warm-up: {task.name}")
            now = self._now()
            if not plan.awaited(now):
                self._ready.set()
            if plan.over:
                break
            moment = plan.lets_go(now)
            try:
                async with asyncio.timeout(None if moment is None else max(0.0, moment - now)):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()
        self.over.set()
        log.info("%s", plan.summary())

    async def _do(self, task: Task) -> None:
        plan, began = self.plan, self._now()
        try:
            async with asyncio.timeout(task.timeout) as limit:
                await self._work[task.name]()
        except TimeoutError as error:
            late = limit.expired()
            why = f"not done within {task.timeout:g} s" if late else str(error) or "timed out"
            plan.end(task.name, "late" if late else "failed", self._now(), why)
        except Exception as error:
            why = error.message if isinstance(error, Fail) else str(error) or type(error).__name__
            plan.end(task.name, "failed", self._now(), why)
            if not isinstance(error, Fail | OSError):
                log.exception("warm-up: the task %s is broken", task.name)
        else:
            plan.end(task.name, "done", self._now())
        outcome = plan.outcomes[task.name]
        if outcome.state != "done":
            log.warning("warm-up: %s %s after %.2f s: %s", task.name, outcome.state, self._now() - began, outcome.why)
        self._changed.set()

    async def ready(self) -> None:
        """Wait until readiness waits for nothing of this any longer."""
        await self._ready.wait()

    def awaited(self) -> list[str]:
        """What readiness waits for."""
        return self.plan.awaited(self._now())

    def __repr__(self) -> str:
        return f"<Warmup {self.plan!r}>"


class Keeping:
    """A Service: each upstream has a few connections open, whoever calls and whenever. ``dials`` gives, by a name that
    stays, what opens what is lacking; ``beat`` is the pause between two looks."""

    name = "kept connections"

    def __init__(self, dials: Callable[[], Mapping[str, Dial]], now: Callable[[], float]) -> None:
        self._dials = dials
        self._now = now
        self._pace = Pace()
        self._gate = asyncio.Semaphore(DIALS_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._pace.beat)
            await self.look()

    async def look(self) -> None:
        """Open what is lacking, at all that are due."""
        dials = self._dials()
        due = self._pace.due(dials, self._now())
        await asyncio.gather(*(self._dial(name, dials[name]) for name in due))

    async def _dial(self, name: str, dial: Dial) -> None:
        async with self._gate:
            try:
                opened = await dial(self._pace.ahead)
            except (Fail, OSError) as error:
                log.debug("kept connections: %s: %s", name, error)
                self._pace.failed(name, self._now())
            else:
                self._pace.opened(name, opened, self._now())

    def __repr__(self) -> str:
        return f"<Keeping {self._pace!r}>"

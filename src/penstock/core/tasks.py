"""The only place where tasks are made. A task has a name and an owner; none is lost and none fails in silence."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine
from typing import Any

from penstock.core.ports import Service

log = logging.getLogger("penstock")


class Crew:
    """Owner of tasks: keeps them referenced, logs their failures, and ends them together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run ``work`` until it ends or the crew closes."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def supervise(self, service: Service, *, first_pause: float = 0.1, longest_pause: float = 30.0) -> None:
        """Run a service; when it fails, log and start it again after a doubling, jittered pause (seconds)."""
        self.spawn(self._supervised(service, first_pause, longest_pause), service.name)

    async def _supervised(self, service: Service, pause: float, longest: float) -> None:
        first = pause
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await service.run()
                return
            except Exception:
                log.exception("service %s failed; it starts again in about %.1f s", service.name, pause)
            if loop.time() - began > longest:
                pause = first
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, longest)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)

    async def aclose(self) -> None:
        """Cancel all tasks and wait for their ends."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    def __repr__(self) -> str:
        return f"<Crew {self.name} {len(self._tasks)} tasks>"

"""Looks at memory every few seconds, and at once when the ledger passes the next band; collects in quiet moments.

Enters: the governor. Leaves: what it does, and free memory given back to the machine. May fail: not at all; a look that
fails is told and the next one comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable

from penstock.core.priority import BATCH
from penstock.memory.governor import Governor
from penstock.memory.ledger import Ledger

log = logging.getLogger("penstock")

LEAST_SECONDS = 0.02
"""Between two looks, however often the ledger asks for one."""
SHORT_SECONDS = 0.5
"""Between two looks while calls are shed: they are to be admitted again as soon as the burst is over."""
COLLECT_SECONDS = 30.0
"""Between two full collections."""
IDLE_BYTES = 8 * 1024 * 1024
"""More than this beside what is accounted for, and it is tried to give it back."""
TRIM_SECONDS = (1.0, 30.0)
"""Between two tries to give memory back: at first, and at most. What does not come free is in use, and each try holds
up whoever allocates meanwhile; so a try in vain doubles the time until the next."""
WORTH_BYTES = 1024 * 1024
"""Less than this given back was a try in vain."""


class Watch:
    """A Service. ``resident`` tells the bytes in use, ``give_back`` returns free ones, ``collect`` looks for garbage;
    ``every`` is in seconds."""

    name = "memory"

    def __init__(
        self, governor: Governor, ledger: Ledger, resident: Callable[[], int], give_back: Callable[[], bool],
        now: Callable[[], float], every: float, collect: Callable[[], int] = gc.collect,
    ) -> None:  # fmt: skip
        self.governor = governor
        self.every = every
        self._ledger = ledger
        self._resident = resident
        self._give_back = give_back
        self._collect = collect
        self._now = now
        self._wanted = asyncio.Event()
        self._collected = -COLLECT_SECONDS
        self._trim_pause = TRIM_SECONDS[0]
        self._trimmed = -TRIM_SECONDS[1]
        ledger.alarm = self._wanted.set

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LEAST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pause):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.look()
            except Exception:
                log.exception("memory could not be looked at")

    @property
    def pause(self) -> float:
        """Seconds until the next look, if nothing asks for one before."""
        return self.every if self.governor.measures.floor == BATCH else min(self.every, SHORT_SECONDS)

    async def look(self) -> None:
        """Look once, and do what is to be done."""
        governor = self.governor
        measures = governor.look(self._resident())
        beside = governor.rss - self._ledger.held - governor.base
        if measures.collect and self._now() - self._collected >= COLLECT_SECONDS:
            self._collected = self._now()
            began = time.perf_counter()
            self._collect()
            seconds = time.perf_counter() - began
            governor.note("collect", governor.rss - self._resident(), seconds)
            await self._trim()
        elif beside > IDLE_BYTES:
            await self._trim()

    async def _trim(self) -> None:
        before, began = self._resident(), self._now()
        if began - self._trimmed < self._trim_pause:
            return
        self._trimmed = began
        await asyncio.get_running_loop().run_in_executor(None, self._give_back)
        after = self._resident()
        if before - after >= WORTH_BYTES:
            self._trim_pause = TRIM_SECONDS[0]
            self.governor.note("give back", before - after, self._now() - began)
        else:
            self._trim_pause = min(TRIM_SECONDS[1], self._trim_pause * 2)
        self.governor.look(after)

    def __repr__(self) -> str:
        return f"<Watch every {self.every:g} s over {self.governor!r}>"

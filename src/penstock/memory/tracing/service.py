"""Traces where memory is allocated for some seconds, and tells which lines of code hold more at the end than before.

Enters: how long, and how many lines are wanted. Leaves: sites with what they grew by. One trace at a time; it ends
early when the traces themselves take too much. May fail: GatewayError when another one runs.
"""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import Callable
from typing import Any

from penstock.core.errors import GatewayError
from penstock.memory.kinds import count_types, growing

MOST_SECONDS = 300.0
MOST_TRACE_BYTES = 128 * 1024 * 1024
"""Of Python's own notes about what it traced."""
LOOK_SECONDS = 0.25
FRAMES = 3
"""Of each allocation: enough to tell who had a library allocate."""
SETTLE_SHARE = 0.25
"""Of the time: so long what is allocated anyway is let come, so that only what goes on growing is told."""


class Tracing:
    """See the module."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._running = False

    async def trace(self, seconds: float, top: int) -> dict[str, Any]:
        """Trace for ``seconds``. Raises GatewayError."""
        if self._running or tracemalloc.is_tracing():
            raise GatewayError("memory is being traced already; try again when that has ended", code="conflict")
        seconds = min(max(seconds, 0.2), MOST_SECONDS)
        self._running = True
        types = count_types()
        began = self._now()
        tracemalloc.start(FRAMES)
        try:
            await self._wait(began + seconds * SETTLE_SHARE)
            first = await asyncio.to_thread(tracemalloc.take_snapshot)
            whole = await self._wait(began + seconds)
            taken = tracemalloc.get_tracemalloc_memory()
            last = await asyncio.to_thread(tracemalloc.take_snapshot)
        finally:
            tracemalloc.stop()
            self._running = False
        sites = await asyncio.to_thread(_sites, first, last, top)
        return {
            "seconds": self._now() - began,
            "cut_short": not whole,
            "trace_bytes": taken,
            "sites": sites,
            "types": [list(pair) for pair in growing(types, count_types(), top)],
        }

    async def _wait(self, until: float) -> bool:
        """Until that time, or until the traces take too much: False then."""
        while (left := until - self._now()) > 0:
            if tracemalloc.get_tracemalloc_memory() > MOST_TRACE_BYTES:
                return False
            await asyncio.sleep(min(left, LOOK_SECONDS))
        return True

    def __repr__(self) -> str:
        return f"<Tracing {'now' if self._running else 'idle'}>"


def _sites(first: tracemalloc.Snapshot, last: tracemalloc.Snapshot, top: int) -> list[dict[str, Any]]:
    """The places that hold more than before, the largest first."""
    ours = [tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__)]
    grown = last.filter_traces(ours).compare_to(first.filter_traces(ours), "traceback")
    rows: list[dict[str, Any]] = [
        {
            "bytes": one.size_diff,
            "blocks": one.count_diff,
            "held": one.size,
            "lines": [f"{_short(frame.filename)}:{frame.lineno}" for frame in reversed(one.traceback)],
        }
        for one in grown
        if one.size_diff > 0
    ]
    rows.sort(key=lambda row: -row["bytes"])
    return rows[:top]


def _short(path: str) -> str:
    """The last three parts of a path are enough to know a file."""
    return "/".join(path.split(os.sep)[-3:])

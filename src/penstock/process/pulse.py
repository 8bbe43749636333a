"""How it is just now, over all workers: asked and added up once a second at most, whoever and however many ask.

Enters: what each worker tells (``pulse``). Leaves: what ``edge/live_sums.py`` makes of it. Unasked, it does nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from penstock.edge.live_sums import SPAN_SECONDS, Pulse, live

FRESH_SECONDS = 0.9
WITHIN_SECONDS = 2.0
AskAll = Callable[..., Awaitable[list[Any]]]


class PulseOfAll:
    """See the module. ``ask_all(name, value, within=seconds)`` asks every worker."""

    def __init__(
        self, ask_all: AskAll, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._ask_all = ask_all
        self._now = now
        self._wall = wall
        self._lock = asyncio.Lock()
        self._told: dict[str, Any] = {}
        self._told_at = float("-inf")
        self._seen: deque[tuple[float, dict[int, Pulse]]] = deque()

    async def now(self) -> dict[str, Any]:
        """The newest value; the same object to all who ask within FRESH_SECONDS."""
        async with self._lock:
            if self._now() - self._told_at >= FRESH_SECONDS:
                self._told = await self._ask()
                self._told_at = self._now()
            return self._told

    async def _ask(self) -> dict[str, Any]:
        now = self._now()
        seen = self._seen
        while seen and now - seen[0][0] > SPAN_SECONDS + 2 * FRESH_SECONDS:
            seen.popleft()
        has_span = bool(seen) and now - seen[0][0] >= SPAN_SECONDS - FRESH_SECONDS
        pulses: list[dict[str, Any]] = await self._ask_all("pulse", {"recent": not has_span}, within=WITHIN_SECONDS)
        seen.append((now, {pulse["worker"]: pulse for pulse in pulses}))
        began, before = seen[0]
        return live(pulses, before, now - began if has_span else SPAN_SECONDS, self._wall(), recent=not has_span)

    def __repr__(self) -> str:
        return f"<PulseOfAll {len(self._seen)} seen>"

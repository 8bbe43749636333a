"""The loop that collects garbage in good moments, sets Python's thresholds, and measures each pause.

Enters: the pressure on memory, calls in flight. Leaves: garbage freed, what lives long frozen, numbers of all of it. It
changes the collector of the whole process, and puts it back as it was when it ends.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from penstock.core.overload import Pressure
from penstock.memory.collector import EAGER, RELAXED, Collector, Kind
from penstock.memory.collector_config import CollectorConfig
from penstock.memory.pauses import Pauses

TICK_SECONDS = 0.5
"""How often it is looked whether this is a good moment."""
FOLLOWED_SECONDS = 300.0
"""What configurations left behind is looked for at most so often."""


class Collecting:
    """See the module."""

    name = "collector"

    def __init__(self, pressure: Pressure, in_flight: Callable[[], int], now: Callable[[], float]) -> None:
        self.policy = Collector(CollectorConfig(), now())
        self.pauses = Pauses()
        self.made: Counter[str] = Counter()
        self._pressure = pressure
        self._in_flight = in_flight
        self._now = now
        self._began = 0.0
        self._followed = False
        self._left_behind = False
        self._sought = -FOLLOWED_SECONDS

    def follow(self, config: CollectorConfig) -> None:
        """The settings in force. What an earlier configuration left behind is looked for soon: it was frozen."""
        self._left_behind = self._followed
        self._followed = True
        self.policy.config = config

    async def run(self) -> None:
        """Until cancelled."""
        before = gc.get_threshold()
        gc.callbacks.append(self._note)
        gc.set_threshold(*self.policy.thresholds)
        try:
            while True:
                began = self._now()
                await asyncio.sleep(TICK_SECONDS)
                self.turn(self._now() - began - TICK_SECONDS)
        finally:
            gc.callbacks.remove(self._note)
            gc.set_threshold(*before)

    def turn(self, lag: float) -> None:
        """Look once; the loop woke ``lag`` seconds late."""
        now = self._now()
        changed = self.policy.look(now, self._pressure.share)
        if changed is not None:
            gc.set_threshold(*changed)
        if self._left_behind and now - self._sought >= FOLLOWED_SECONDS:  # settings tried by turns change each minute
            self._left_behind, self._sought = False, now
            self.policy.want("deep", now)
        kind = self.policy.choose(now, self._in_flight(), lag, gc.get_count()[0])
        if kind is not None:
            self.collect(kind)

    def collect(self, kind: Kind) -> int:
        """Make one now. Returns how many objects were freed."""
        began = time.perf_counter()
        forced = self.policy.forced and kind == "deep"
        if kind == "deep":
            gc.unfreeze()
        freed = gc.collect(1 if kind == "young" else 2)
        if kind != "young":
            gc.freeze()
        self.made["forced" if forced else kind] += 1
        self.policy.done(kind, self._now(), time.perf_counter() - began)
        return freed

    def _note(self, phase: str, info: dict[str, int]) -> None:
        """Python calls this before and after every collection, its own ones too."""
        if phase == "start":
            self._began = time.perf_counter()
        else:
            took = time.perf_counter() - self._began
            self.pauses.note(self._now(), info["generation"], took, info["collected"], info["uncollectable"])

    def dump(self) -> dict[str, Any]:
        """Plain values."""
        present = self.policy.thresholds
        return {
            **self.pauses.dump(self._now()),
            "made": {kind: self.made[kind] for kind in ("young", "full", "deep", "forced")},
            "mood": "relaxed" if present == RELAXED else "eager" if present == EAGER else "ordinary",
            "frozen": gc.get_freeze_count(),
        }

    def __repr__(self) -> str:
        return f"<Collecting by {self.policy!r}, {self.pauses!r}>"

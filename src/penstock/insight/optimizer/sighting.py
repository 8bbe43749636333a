"""What was seen lately, for proposals: medians of a few minutes, and the best rate of a day. Pure.

Enters: windows. Leaves: a Sight.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.core.windows import Window
from penstock.insight.optimizer.proposals import Sight

LATELY = 12
"""Windows."""
LEAST_WINDOWS = 3
BEST_KEPT = 144
"""Of the best rates, one for each ten minutes: a day."""
LEAST_TOKENS = 20


class Sighting:
    """See the module."""

    def __init__(self) -> None:
        self._values: deque[Mapping[str, float]] = deque(maxlen=LATELY)
        self._windows: deque[Window] = deque(maxlen=LATELY)
        self._rates: deque[float] = deque(maxlen=BEST_KEPT)
        self._tens: list[float] = []

    def take(self, window: Window, values: Mapping[str, float]) -> None:
        """A window is over."""
        self._windows.append(window)
        self._values.append(values)
        if "token_rate" in values:
            self._tens.append(values["token_rate"])
            if len(self._tens) >= 60:
                self._rates.append(statistics.median(self._tens))
                self._tens = []

    def sight(
        self,
        keys: Sequence[str],
        explored: Sequence[str],
        target: float,
        anomalies: Sequence[Any],
        bottlenecks: Sequence[Any],
        *,
        cache_bytes: float = 0.0,
        prompts: bool = False,
    ) -> Sight:
        """``cache_bytes``: what the cache may hold, of all workers; ``target``: 0 for the best rate lately."""
        held = self._lately("cache_bytes")
        return Sight(
            values=self._medians(),
            waits=self._waits(),
            pace=self._pace(),
            full=held / cache_bytes if cache_bytes else 0.0,
            keys=keys,
            explored=explored,
            target=target or max(self._rates, default=0.0),
            prompts=prompts,
            anomalies=anomalies,
            bottlenecks=bottlenecks,
        )

    def _medians(self) -> dict[str, float]:
        if len(self._values) < LEAST_WINDOWS:
            return {}
        names = {name for values in self._values for name in values}
        return {name: statistics.median([values[name] for values in self._values if name in values]) for name in names}

    def _lately(self, gauge: str) -> float:
        return self._windows[-1].gauges.get(gauge, 0.0) if self._windows else 0.0

    def _waits(self) -> dict[str, float]:
        """By room, its share of the time that calls took; ``queue`` is the wait for an upstream's seat."""
        total = sum(group.total for window in self._windows for group in window.groups)
        if total <= 0 or len(self._windows) < LEAST_WINDOWS:
            return {}
        spent: dict[str, float] = {"queue": sum(group.queued for window in self._windows for group in window.groups)}
        for window in self._windows:
            for room, seconds in window.waits.items():
                spent[room] = spent.get(room, 0.0) + seconds
        return {room: seconds / total for room, seconds in spent.items()}

    def _pace(self) -> dict[str, float]:
        """By upstream, seconds for a token of its answers."""
        tokens: dict[str, int] = {}
        seconds: dict[str, float] = {}
        for window in self._windows:
            for group in window.groups:
                if group.upstream:
                    tokens[group.upstream] = tokens.get(group.upstream, 0) + group.tokens_out
                    seconds[group.upstream] = seconds.get(group.upstream, 0.0) + group.generating
        return {name: seconds[name] / tokens[name] for name in tokens
                if tokens[name] >= LEAST_TOKENS and seconds[name] > 0}  # fmt: skip

    def __repr__(self) -> str:
        return f"<Sighting of {len(self._windows)} windows>"

"""Keys that call far more than they used to, so much that it matters to all. Pure.

Enters: the calls of each key in each window. Leaves: the changes that are there. A key is judged by its own past, a new
one by that of the smallest.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from penstock.core.windows import OTHER, Part
from penstock.insight.anomalies.rows import GATEWAY
from penstock.insight.anomalies.track import Symptom, Track
from penstock.insight.baseline import Series

SPANS = (2, 4, 8)
LAG = 15
TIMES, SHARE, SURE = 3.0, 0.25, 5.5
"""So many times its usual calls, so large a share of all of them, so unlikely."""
LEAST = 20
MOST = 300
FORGOTTEN = 8640
"""Windows without a call after which a key is forgotten."""


class KeyWatch:
    """See the module."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._tracks: dict[str, Track] = {}
        self._silent: dict[str, int] = {}
        self._rows: deque[tuple[float, dict[str, int]]] = deque()
        self._windows = 0

    def take(self, time: float, parts: Mapping[str, Part], is_odd: bool) -> list[Symptom]:
        """The floods that are there. Nothing is learned from a window that ``is_odd``."""
        self._rows.append((time, {key: part.calls for key, part in parts.items() if key != OTHER}))
        if len(self._rows) > LAG:
            past, calls = self._rows.popleft()
            self._learn(past, calls, is_odd)
        found = []
        sums = [self._sums(span) for span in SPANS]
        for key, recent in sums[-1].items():
            if recent >= LEAST or key in self._tracks:
                symptom = self._judge(time, key, sums)
                if symptom is not None:
                    found.append(symptom)
        for key in [key for key, track in self._tracks.items() if not track.active and not track.tainted]:
            del self._tracks[key]
        return found

    def _sums(self, span: int) -> dict[str, int]:
        sums: dict[str, int] = {}
        for _, calls in list(self._rows)[-span:]:
            for key, number in calls.items():
                sums[key] = sums.get(key, 0) + number
        return sums

    def _judge(self, time: float, key: str, sums: list[dict[str, int]]) -> Symptom | None:
        if self._windows < 60:
            return None
        series = self._series.get(key)
        best: Symptom | None = None
        track = self._tracks.get(key)
        for place, span in enumerate(SPANS):
            calls = sums[place].get(key, 0)
            whole = sum(sums[place].values()) or 1
            verdict = None if series is None else series.judge(float(calls), float(span), place)
            expected = 0.02 if verdict is None else verdict.expected
            off = 2 * (math.sqrt(calls) - math.sqrt(expected * span)) if verdict is None else verdict.off
            is_flood = calls >= TIMES * expected * span and calls >= SHARE * whole and calls >= LEAST and off >= SURE
            if series is not None and verdict is not None and not is_flood and track is None:
                series.spread(place, verdict.off)
            if is_flood and (best is None or off > best.off):
                change = math.log((calls / span) / max(expected, 0.01))
                best = Symptom("key_calls", GATEWAY, calls / span, expected, change, off, True, time, key)
        if track is None:
            if best is None or len(self._tracks) >= MOST:
                return None
            track = self._tracks.setdefault(key, Track())
        active = track.take(time, best is not None, False, LAG)
        if track.overdue:
            track.end()
            if series is not None:
                series.forget()
        return best._replace(sure=active, since=track.since) if best is not None else None

    def _learn(self, time: float, calls: Mapping[str, int], is_odd: bool) -> None:
        self._windows += 1
        for key in calls:
            if key not in self._series and len(self._series) < MOST:
                self._series[key] = Series("count", len(SPANS))
        for key, series in list(self._series.items()):
            number = calls.get(key, 0)
            self._silent[key] = 0 if number else self._silent.get(key, 0) + 1
            if self._silent[key] > FORGOTTEN:
                del self._series[key], self._silent[key]
            elif key not in self._tracks and not is_odd:
                series.learn(time, float(number), 1.0)

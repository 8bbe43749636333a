"""What is watched of gauges: levels that jump, shares that pass a bound, and what fills up steadily. Pure.

Enters: the gauges of each window; those that are absent are passed over. Leaves: the changes that are there.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, NamedTuple

from penstock.insight.anomalies.rows import GATEWAY
from penstock.insight.anomalies.track import GROWS, Symptom, Track
from penstock.insight.anomaly_config import AnomalyConfig
from penstock.insight.baseline import Series

LAG = 12
SURE, SUSPECT, STEADY = 4.5, 3.0, 5.5
LEARNED = 60
"""Values before growth is judged."""
TINY = 1e-4
NEAR = 0.97
"""Of a bound: who usually is above this share of it is not told for being above it."""


class Gauge(NamedTuple):
    """``up``: the factor that is told, from ``floor`` on. ``last``: how many values in a row must show it, each of
    them, while their mean must be unlikely: the least of some values is low by itself, and hides how much they say."""

    name: str
    up: float
    floor: float
    opens: bool = True
    last: int = 3


class Filling(NamedTuple):
    """A share that grows (``is_down``: shrinks) steadily by ``least`` in two minutes and will be at ``full`` in less
    than ``within`` seconds; ``bound``: told beyond it in any case. ``noise`` is the least that it is taken to move
    by. Below ``begins`` growth is none."""

    name: str
    gauge: str
    least: float
    full: float
    bound: float
    noise: float
    within: float = 3600.0
    is_down: bool = False
    begins: float = 0.0


GAUGES = (
    Gauge("loop_lag", 3.0, 0.1),
    Gauge("collector_pause", 3.0, 0.1),
    Gauge("store_latency", 3.0, 0.01),
    Gauge("disk_latency", 4.0, 0.05),
    Gauge("network", 1.8, 0.02),
    Gauge("embedding", 1.8, 0.005),
    Gauge("connections_waited", 3.0, 0.03),
    Gauge("queued", 3.0, 10.0, False),
    Gauge("in_flight", 2.0, 10.0, False),
    Gauge("cpu", 1.5, 0.7, False),
)


def fillings(config: AnomalyConfig) -> tuple[Filling, ...]:
    """All, with the bounds of ``config``."""
    return (
        Filling("memory", "memory", 0.045, 1.0, config.memory, 0.008),
        Filling("descriptors", "descriptors", 0.04, 1.0, 0.85, 0.008, begins=0.4),
        Filling("disk", "disk_free", 0.01, 0.0, 0.1, 0.001, is_down=True),
    )


class Jumps:
    """Follows one gauge whose level may jump."""

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.series = Series("log", 1)
        self.track = Track()
        self._kept: deque[tuple[float, float]] = deque()

    def take(self, time: float, value: float) -> Symptom | None:
        """The change that is there after this value."""
        gauge, series, track = self.gauge, self.series, self.track
        self._kept.append((time, math.log(max(0.0, value) + TINY)))
        if len(self._kept) > LAG:
            past, log = self._kept.popleft()
            if not track.tainted:
                series.learn(past, log, 1.0)
        if len(self._kept) < gauge.last:
            return None
        newest = [self._kept[index][1] for index in range(-gauge.last, 0)]
        verdict, least = series.judge(sum(newest) / gauge.last, 1.0, 0), series.judge(min(newest), 1.0, 0)
        if verdict is None or least is None:
            return None
        large = least.change >= math.log(gauge.up) and least.actual >= gauge.floor
        half = least.change >= 0.5 * math.log(gauge.up) and least.actual >= gauge.floor / 2
        is_flagged = verdict.off >= SURE and large
        is_suspect = verdict.off >= SUSPECT and half
        if not track.active and not is_flagged:
            series.spread(0, verdict.off)
        active = track.take(time, is_flagged, is_suspect, LAG)
        if track.overdue:
            series.forget()
            track.end()
            return None
        if not active and not is_suspect:
            return None
        sure = active and gauge.opens
        return Symptom(
            gauge.name, GATEWAY, verdict.actual, verdict.expected, verdict.change, verdict.off, sure, track.since
        )


class Fills:
    """Follows one share that may run full, or out."""

    def __init__(self, filling: Filling) -> None:
        self.filling = filling
        self.track = Track()
        self._kept: deque[float] = deque(maxlen=LAG)
        self._spread = filling.noise**2
        self._seen = 0
        self._level: float | None = None

    def take(self, time: float, value: float) -> Symptom | None:
        """The change that is there after this value."""
        filling, track = self.filling, self.track
        self._kept.append(value)
        level = self._level
        growth, steady, left = self._growth()
        off = growth / math.sqrt(self._spread)
        beside = 0.0 if level is None else (value - level) * (-1.0 if filling.is_down else 1.0)
        runs = (
            steady
            and min(growth, beside) >= filling.least
            and off >= STEADY
            and left <= filling.within
            and self._seen >= LEARNED
            and value >= filling.begins
        )
        way = -1.0 if filling.is_down else 1.0
        near = filling.bound / NEAR if filling.is_down else filling.bound * NEAR
        beyond = len(self._kept) > 1 and all((one - filling.bound) * way > 0 for one in list(self._kept)[-2:])
        is_flagged = runs or (beyond and (level is None or (level - near) * way < 0))
        is_suspect = (beyond and track.active) or (growth >= filling.least / 2 and off >= SUSPECT)
        if not track.active and not is_flagged:
            self._seen += 1
            self._spread += (min(growth * growth, 9 * self._spread) - self._spread) / 1000
            self._spread = max(self._spread, filling.noise**2)
        if not track.tainted:
            self._level = value if level is None else level + (value - level) / 180
        active = track.take(time, is_flagged, is_suspect, LAG)
        if track.overdue:
            self._level = value
            track.end()
            return None
        if not active and not is_suspect:
            return None
        expected = value if level is None else level
        change = math.log(max(value, TINY) / max(expected, TINY))
        span = 0 if beyond else GROWS
        sure = active and (beyond or beside >= filling.least)  # what has gone back since fills nothing
        return Symptom(filling.name, GATEWAY, value, expected, change, max(off, 0.0), sure, track.since, span=span)

    def _growth(self) -> tuple[float, bool, float]:
        """How much it moved towards full in the time that is kept, whether steadily, and seconds until it is full."""
        kept = list(self._kept)
        if len(kept) < LAG:
            kept = kept[-6:]
        if len(kept) < 6:
            return 0.0, False, math.inf
        third = len(kept) // 3
        way = -1.0 if self.filling.is_down else 1.0
        first, middle, last = (median(kept[at : at + third]) * way for at in (0, third, len(kept) - third))
        growth = last - first
        steady = middle - first > 0.2 * growth and last - middle > 0.2 * growth
        left = (self.filling.full * way - last) * (len(kept) - third) * 10.0 / growth if growth > 0 else math.inf
        return growth, steady, left


class GaugeWatch:
    """All gauges."""

    def __init__(self, config: AnomalyConfig) -> None:
        self.jumps = {gauge.name: Jumps(gauge) for gauge in GAUGES}
        self.fills = {filling.name: Fills(filling) for filling in fillings(config)}

    def take(self, time: float, gauges: dict[str, float]) -> list[Symptom]:
        """The changes that are there."""
        found = []
        for name, jumps in self.jumps.items():
            if name in gauges and math.isfinite(gauges[name]):
                found.append(jumps.take(time, gauges[name]))
        for fills in self.fills.values():
            value = gauges.get(fills.filling.gauge)
            if value is not None and math.isfinite(value):
                found.append(fills.take(time, value))
        return [symptom for symptom in found if symptom is not None]

    def dump(self) -> dict[str, Any]:
        """What is usual, as plain values."""
        return {name: jumps.series.dump() for name, jumps in self.jumps.items()}

    def load(self, kept: dict[str, Any]) -> None:
        """Go on from what ``dump`` gave; what is of another form is passed over."""
        for name, jumps in self.jumps.items():
            if name in kept:
                try:
                    jumps.series.load(kept[name])
                except (ValueError, TypeError):
                    continue

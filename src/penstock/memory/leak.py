"""Finds what grows and is never let go: readings over time go in, a finding comes out. Pure.

Windows are judged by their floor: what is held at the quietest of it. It is a detection when the floor stands above
all recent ones although neither the accounts nor a new height of load explains it; it is a finding when that happens
``times`` times with growth that does not fade, as the filling of something bounded does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from penstock.memory.leak_config import LeakConfig

MIB = 1024 * 1024
GRACE_SECONDS = 30.0
"""After start nothing is judged: code is loaded, pools fill."""
RECENT = 12
"""Windows of the past that a floor is compared with."""
FLOOR = 0.2
"""The floor of a window is the reading that a fifth of the others lie below."""
HEIGHT = 1.2
"""Load so much above all recent windows excuses growth: it was never held before."""
QUIET = 0.2
"""A window with less than this share of the usual calls tells nothing, unless memory comes free in it."""
FADING = 0.5
"""Growth that falls below this share of what it was is taken for something that fills up to its bound."""
SCALES = (1, 8, 40)
BELOW = 2.0
"""The factor while less of the limit is in use than ``above``."""


class Reading(NamedTuple):
    """``value`` now, of which ``explained`` is accounted for; ``load`` at this moment, ``calls`` since start."""

    value: float
    explained: float
    load: float
    calls: int


class Finding(NamedTuple):
    """``name`` grew by ``growth`` in ``seconds`` and ``calls``, unexplained, to ``value``."""

    name: str
    growth: float
    seconds: float
    calls: int
    value: float

    @property
    def a_call(self) -> float:
        """Growth by each call; 0 where there were none."""
        return self.growth / self.calls if self.calls else 0.0


class _Window(NamedTuple):
    """What remains of a window: floors by what is taken as explained, the mean load, how many calls."""

    floors: tuple[float, ...]
    load: float
    calls: int
    value: float
    seconds: float
    highest: float


class Trend:
    """One quantity in windows of one length. ``least`` is the smallest growth of a window that counts, ``share`` the
    same as a share of the value; ``factors``: by how much the explained part counts, in the order of strictness."""

    def __init__(
        self, name: str, window: float, least: float, share: float = 0.0, times: int = 3,
        factors: tuple[float, ...] = (1.2,),
    ) -> None:  # fmt: skip
        self.name = name
        self.factors = factors
        self.window = window
        self.least = least
        self.share = share
        self.times = times
        self.detections = 0
        self._recent: deque[_Window] = deque(maxlen=RECENT)
        self._loads: deque[float] = deque(maxlen=RECENT)
        self._grown: deque[tuple[float, int, float]] = deque(maxlen=times)
        self._highest = 0.0
        self._begun: float | None = None
        self._calls = 0
        self._readings: list[tuple[tuple[float, ...], Reading]] = []

    def add(self, at: float, reading: Reading, factors: int = 1) -> Finding | None:
        """Take a reading at the time ``at``; at the end of a window it is judged. Growth must show under the first so
        many of the factors, whether what is explained now is taken, or the most that ever was: memory that was used
        once may stay with the process."""
        if self._begun is None:
            self._begun, self._calls = at, reading.calls
        self._highest = max(self._highest, reading.explained)
        found = None
        if at - self._begun >= self.window and self._readings:
            found = self._judge(self._closed(at, reading.calls), 2 * factors)
            self._begun, self._calls = at, reading.calls
            self._readings = []
        views = [
            reading.value - factor * part for factor in self.factors for part in (reading.explained, self._highest)
        ]
        self._readings.append((tuple(views), reading))
        return found

    def _closed(self, at: float, calls: int) -> _Window:
        assert self._begun is not None
        number = len(self._readings)
        rank = int(FLOOR * (number - 1))
        views = zip(*(views for views, _ in self._readings), strict=True)
        return _Window(
            tuple(sorted(view)[rank] for view in views),
            sum(reading.load for _, reading in self._readings) / number,
            calls - self._calls,
            min(reading.value for _, reading in self._readings),
            at - self._begun,
            self._highest,
        )

    def _judge(self, window: _Window, views: int) -> Finding | None:
        recent, loads = self._recent, self._loads
        before = list(recent)
        height = max(loads, default=window.load)
        recent.append(window)
        loads.append(window.load)
        if not before:
            return None
        least = max(self.least, self.share * window.value)
        growth = min(window.floors[view] - max(past.floors[view] for past in before) for view in range(views))
        more = self.factors[0] * (window.highest - before[-1].highest) > least
        if window.load > HEIGHT * height or (growth < least and more):
            recent.clear()  # so much was never held before: how much of it stays is seen from the next window on
            return None
        if growth < least:
            fell = window.floors[0] - before[-1].floors[0] < -least
            if fell or window.calls >= QUIET * sum(past.calls for past in before) / len(before):
                self._grown.clear()
            return None
        self.detections += 1
        self._grown.append((growth, window.calls, window.seconds))
        return self._found(window) if len(self._grown) == self.times and not self._fades() else None

    def _fades(self) -> bool:
        """Whether each window grew less than the one before, by the call where there are calls."""
        first, last = self._grown[0], self._grown[-1]
        if last[0] >= FADING * first[0]:
            return False
        return not (first[1] and last[1]) or last[0] / last[1] < FADING * first[0] / first[1]

    def _found(self, window: _Window) -> Finding:
        grown = list(self._grown)
        self._grown.clear()
        sums = [sum(part) for part in zip(*grown, strict=True)]
        return Finding(self.name, sums[0], sums[2], int(sums[1]), window.value)

    def __repr__(self) -> str:
        return f"<Trend of {self.name} in {self.window:g} s, grown {len(self._grown)} of {self.times}>"


LEAST = {"memory": 6 * MIB, "descriptors": 24, "tasks": 24, "calls": 24}
"""Growth of a window that counts. What an account holds while no call is in flight: from 64 KiB."""
LEAST_HELD = 64 * 1024
MEMORY_SHARE = 0.01


class Leaks:
    """Every quantity in every length of window."""

    def __init__(self, config: LeakConfig, now: float) -> None:
        self.config = config
        self.suspicions: dict[str, int] = {}
        self._from = now + GRACE_SECONDS
        self._trends: dict[str, list[Trend]] = {}

    def add(self, at: float, share: float, readings: dict[str, Reading]) -> list[Finding]:
        """Readings of one moment, by name; what is found by them. ``share`` of the memory limit is in use."""
        if at < self._from:
            return []
        found = []
        for name, reading in readings.items():
            trends = self._trends.get(name)
            if trends is None:
                trends = self._trends[name] = list(self._made(name))
            factors = 2 if name == "memory" and share < self.config.above else 1
            for trend in trends:
                before = trend.detections
                finding = trend.add(at, reading, factors)
                if trend.detections > before:
                    self.suspicions[name] = self.suspicions.get(name, 0) + 1
                if finding is not None:
                    found.append(finding)
        return found

    def _made(self, name: str) -> Iterator[Trend]:
        memory = name == "memory"
        factor = self.config.factor
        for scale in SCALES:
            yield Trend(
                name, scale * self.config.window, LEAST.get(name, LEAST_HELD), MEMORY_SHARE if memory else 0.0,
                self.config.times, (factor, max(factor, BELOW)) if memory else (factor,),
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Leaks in {', '.join(self._trends) or 'nothing yet'}, suspected {self.suspicions}>"

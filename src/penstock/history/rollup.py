"""Windows in a row made into one of a minute, an hour or any other span. Pure.

Enters: windows, in any order, each once. Leaves: one window: sums stay sums, sketches merge, gauges become means by how
long they stood and ``peaks`` the worst of them. ``covered`` tells for how much of the span there were windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from penstock.core.windows import GAUGES, Sum, Window

_EXACT = 1e-6


def floor(at: float, span: float) -> float:
    """The start of the span of ``span`` seconds that ``at`` lies in."""
    return math.floor((at + _EXACT) / span) * span


class Rollup:
    """A span that is being summed."""

    def __init__(self, start: float, seconds: float) -> None:
        self._sum = Sum(start, seconds)
        self._stood: dict[str, float] = {}

    @property
    def start(self) -> float:
        """Of the span."""
        return self._sum.window.start

    @property
    def end(self) -> float:
        """Of the span."""
        return self._sum.window.start + self._sum.window.seconds

    @property
    def window(self) -> Window:
        """What there is of it so far."""
        return self._sum.window

    def add(self, window: Window) -> None:
        """One more of its windows."""
        self._sum.add(window)
        whole, known = self._sum.window, window.known
        whole.covered += known
        for gauge, reading in window.gauges.items():
            stood = self._stood.get(gauge, 0.0)
            whole.gauges[gauge] = (whole.gauges.get(gauge, 0.0) * stood + reading * known) / (stood + known)
            self._stood[gauge] = stood + known
        for gauge, reading in (window.peaks or window.gauges).items():
            had = whole.peaks.get(gauge)
            least = GAUGES.get(gauge) == "min"
            whole.peaks[gauge] = reading if had is None else min(had, reading) if least else max(had, reading)

    def __repr__(self) -> str:
        return f"<Rollup {self.start:.0f} to {self.end:.0f}, {self.window.covered:.0f} s of it>"


def rolled(windows: Iterable[Window], span: float) -> list[Window]:
    """Windows of ``span`` seconds, oldest first; where there were none, there is none."""
    spans: dict[float, Rollup] = {}
    for window in windows:
        start = floor(window.start, span)
        if start not in spans:
            spans[start] = Rollup(start, span)
        spans[start].add(window)
    return [spans[start].window for start in sorted(spans)]


class Ladder:
    """Sums windows of ten seconds into spans of each of ``spans``, each of the spans before it. ``unfinished`` is what
    there is of those whose end has not come."""

    def __init__(self, *spans: float) -> None:
        self._spans = spans
        self._steps: list[Rollup | None] = [None] * len(spans)

    @property
    def unfinished(self) -> list[Window]:
        """The finest first. What is in one is not in another."""
        return [step.window for step in self._steps if step is not None]

    def add(self, window: Window, step: int = 0) -> list[Window]:
        """One more window. Gives the spans that it ends, the finest first."""
        if step == len(self._spans):
            return []
        ended: list[Window] = []
        span = self._spans[step]
        start = floor(window.start, span)
        current = self._steps[step]
        if current is not None and start > current.start:  # its last windows never came
            ended += self._end(step, current)
            current = None
        if current is None:
            current = self._steps[step] = Rollup(start, span)
        current.add(window)
        if window.start + window.seconds >= current.end - _EXACT:
            ended += self._end(step, current)
        return ended

    def _end(self, step: int, rollup: Rollup) -> list[Window]:
        self._steps[step] = None
        return [rollup.window, *self.add(rollup.window, step + 1)]

    def __repr__(self) -> str:
        return f"<Ladder {self._steps}>"

"""What steps of one knob gained at which hours: a day has a rhythm, and what helps at night may hurt at noon. Pure.

Enters: for each step that was measured, from where to where, when, and what it gained in the metric's own units; those
of a step are spread evenly over its way. Leaves: what a step would gain at the other hours at which it, or parts of it,
were measured.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

DAY = 86_400.0
SLOT = 4 * 3600.0
"""Hours within one count as the same."""
OLD = 3 * DAY
"""A day's rhythm may change; what was seen so long ago says nothing any more."""


class Step(NamedTuple):
    """Between ``low`` and ``high`` on the knob's scale; ``slope``: what going up gained, for each unit of it."""

    at: float
    low: float
    high: float
    slope: float


class Rhythm:
    """Of one knob."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def note(self, at: float, start: float, end: float, gain: float) -> None:
        """A step from ``start`` to ``end`` gained this."""
        found = Step(at, min(start, end), max(start, end), gain / (end - start))
        steps = sorted({*self._steps, found})
        self._steps = [step for step in steps if steps[-1].at - step.at < OLD]

    def elsewhere(self, at: float, start: float, end: float) -> float:
        """What a step would gain at other hours than now, all hours added; 0 where nobody has seen."""
        low, high = min(start, end), max(start, end)
        inside = {edge for step in self._steps for edge in (step.low, step.high) if low < edge < high}
        edges = sorted({low, high} | inside)
        gain = 0.0
        for left, right in pairwise(edges):
            slopes = {slot(step.at): step.slope for step in self._steps if step.low <= left and step.high >= right}
            slopes.pop(slot(at), None)
            gain += sum(slopes.values()) * (right - left)
        return gain if end > start else -gain

    def __repr__(self) -> str:
        return f"<Rhythm of {len(self._steps)} steps>"


def slot(at: float) -> int:
    """The time of day, so finely that it matters."""
    return int(at % DAY // SLOT)

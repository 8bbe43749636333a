"""What a series was at this time of day before, and whether that says more than its own slow mean. Pure.

Enters: values by slot (equal steps of time, some may be missing). Leaves: what to expect now: the median of the three
last days around this time where that has been at least a fifth nearer to the truth, else nothing.
"""

from __future__ import annotations

import math
from array import array
from statistics import median

DAY = 86_400.0
DAYS = 3
AROUND = (-1, 0, 1)
NEARER = 0.8
LEARNS = 1 / 200
LONGEST = 86_400
"""Slots a day that are remembered at most: one a second."""
MOST = 1e30
"""A value beyond it counts as this one."""


class Season:
    """``step``: seconds from slot to slot. Holds up to three days and a slot of values, 4 bytes each: what is known."""

    __slots__ = ("_errors", "_plain", "_ring", "_size", "period")

    def __init__(self, step: float) -> None:
        period = round(DAY / step)
        self.period = period if 4 <= period <= LONGEST else 0
        self._size = DAYS * self.period + 2
        self._ring = array("f")
        self._errors: float | None = None
        self._plain: float | None = None

    def expected(self, slot: int) -> float | None:
        """The usual value of this time of day; None where too few are known."""
        ring = self._ring
        found = []
        if self.period and slot >= 2 * self.period:
            for day in range(1, DAYS + 1):
                for around in AROUND:
                    then = slot - day * self.period + around
                    at = then % self._size
                    if then >= 0 and at < len(ring) and not math.isnan(value := ring[at]):
                        found.append(value)
        if len(found) < DAYS:
            return None
        return median(found)

    def judge(self, value: float, expected: float, plain: float) -> bool:
        """Whether it pays to expect what was usual, now that ``value`` is known beside that and the ``plain`` mean."""
        error, other = abs(value - expected), abs(value - plain)
        self._errors = error if self._errors is None else self._errors + (error - self._errors) * LEARNS
        self._plain = other if self._plain is None else self._plain + (other - self._plain) * LEARNS
        return self._errors < NEARER * self._plain

    def put(self, slot: int, value: float) -> None:
        """Remember the value of a slot; those that were jumped over are missing."""
        if self.period:
            self._reach(slot)
            self._ring[slot % self._size] = max(-MOST, min(value, MOST))

    def skip(self, first: int, last: int) -> None:
        """The slots from ``first`` up to ``last``, which is not one of them, have no values."""
        if self.period and first < last:
            self._reach(last - 1)
            for slot in range(max(first, last - self._size), last):
                self._ring[slot % self._size] = math.nan

    def _reach(self, slot: int) -> None:
        """Have room up to ``slot``, until there is room for all."""
        more = min(slot + 1, self._size) - len(self._ring)
        if more > 0:
            self._ring.extend(array("f", [math.nan]) * more)

    def __repr__(self) -> str:
        return f"<Season of {self.period} slots a day>"

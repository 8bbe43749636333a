"""From readings to alarms that open and close, with a stated bound on false ones. Pure.

Enters: readings of one series with their times. Leaves: alarms. The bar for one is set by how many false ones a day
may be borne: at a chance of p a value, n values a day give n·p. After each the bar is higher for a while, so that a
series that has gone mad is told once and not a hundred times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock.insight.detector import Measure, Reading

A_DAY = 0.5
"""False alarms that are borne, a series and day."""
LOWEST, HIGHEST = 2.8, 6.0
"""Of the bar: from one in 630 values, however few a day there are, to one in a million."""
REST = 70
"""Values after the beginning of an alarm before another may begin."""
RAISED, HALVES = 1.0, 300.0
"""How much the bar is raised by an alarm, and in how many values half of that is gone."""
CALM, CALM_FOR = 2.0, 12
"""An alarm ends when so many readings in a row were below this."""
SEVERE = ((2.5, "critical"), (1.5, "high"), (0.5, "medium"))


@dataclass(slots=True)
class Alarm:
    """``start`` and ``end`` are times of values; ``end`` None while it lasts. ``value`` and ``expected`` are those at
    the worst reading."""

    start: float
    value: float
    expected: float
    measure: Measure
    score: float
    bar: float
    end: float | None = None

    @property
    def severity(self) -> str:
        """By how far the worst reading is above the bar, in powers of ten."""
        above = self.score - self.bar
        return next((word for least, word in SEVERE if above >= least), "low")

    @property
    def deviation(self) -> float | None:
        """The value as a multiple of what was expected, less one; None where nothing was."""
        return self.value / self.expected - 1.0 if self.expected else None


class Alarms:
    """``step``: seconds between values; ``a_day``: false alarms that are borne."""

    __slots__ = ("_bar", "_calm", "_last", "_raised", "_since", "open")

    def __init__(self, step: float, a_day: float = A_DAY) -> None:
        if not a_day > 0:
            raise ValueError(f"{a_day} false alarms a day cannot be promised: more than 0")
        self._bar = min(HIGHEST, max(LOWEST, -math.log10(a_day * step / 86_400.0)))
        self._raised = 0.0
        self._since = REST + 1
        self._calm = 0
        self._last = 0.0
        self.open: Alarm | None = None

    @property
    def bar(self) -> float:
        """What a reading must reach now."""
        return self._bar + self._raised * math.exp2(-self._since / HALVES)

    def take(self, time: float, value: float, reading: Reading) -> Alarm | None:
        """The alarm that begins with this reading, if one does."""
        self._since += 1
        alarm = self.open
        if alarm is not None:
            self._go_on(alarm, time, value, reading)
        bar = self.bar
        if reading.score < bar or self._since <= REST:
            return None
        if self.open is not None:  # it went on all this time: not another one
            return None
        self._raised = bar - self._bar + RAISED
        self._since = 0
        self._calm = 0
        self._last = time
        self.open = Alarm(time, value, reading.expected, reading.measure, reading.score, bar)
        return self.open

    def _go_on(self, alarm: Alarm, time: float, value: float, reading: Reading) -> None:
        if reading.score > alarm.score:
            alarm.score, alarm.value, alarm.expected = reading.score, value, reading.expected
        if reading.score >= CALM:
            self._calm = 0
            self._last = time
            return
        self._calm += 1
        if self._calm >= CALM_FOR:
            alarm.end = self._last
            self.open = None

    def __repr__(self) -> str:
        return f"<Alarms bar {self.bar:.2f}, {self.open!r}>"

"""How well the shipped detector finds what people have marked in a series. Pure.

Enters: times and values, and windows of time in which something was wrong. Leaves: alarms, precision, recall, delay,
false alarms a day and the score of ``nab.py``. May fail: ValueError, with the place of what is wrong.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from penstock.insight import nab
from penstock.insight.alarms import Alarm, Alarms
from penstock.insight.detector import Detector

FEWEST = 10


class Report(NamedTuple):
    """``delays``: seconds from the beginning of each window that was found to its alarm. Alarms in the time of learning
    are not among ``alarms``."""

    values: int
    days: float
    windows: int
    found: int
    false: int
    alarms: list[Alarm]
    delays: list[float]
    score: nab.Score

    @property
    def precision(self) -> float | None:
        """The share of alarms that lie in a window; None without any."""
        return 1.0 - self.false / len(self.alarms) if self.alarms else None

    @property
    def recall(self) -> float | None:
        """The share of windows with an alarm; None without any."""
        return self.found / self.windows if self.windows else None

    @property
    def false_a_day(self) -> float:
        return self.false / self.days


def evaluate(times: Sequence[float], values: Sequence[float], windows: Sequence[tuple[float, float]]) -> Report:
    """Play the series as a stream. Raises ValueError for one that is too short, or not in order."""
    if len(times) < FEWEST:
        raise ValueError(f"{len(times)} values are no series: {FEWEST} at least")
    step = usual_step(times)
    detector, alarms = Detector(step), Alarms(step)
    counted = times[min(nab.learning(len(times)), len(times) - 1)]
    begun: list[Alarm] = []
    for time, value in zip(times, values, strict=True):
        reading = detector.see(time, value)
        if reading is None:
            continue
        alarm = alarms.take(time, value, reading)
        if alarm is not None and time >= counted:
            begun.append(alarm)
    delays, false = [], 0
    found: set[int] = set()
    for alarm in begun:
        inside = [number for number, (first, last) in enumerate(windows) if first <= alarm.start <= last]
        false += not inside
        for number in inside:
            if number not in found:
                found.add(number)
                delays.append(alarm.start - windows[number][0])
    return Report(
        values=len(times),
        days=max(times[-1] - counted, step) / 86_400.0,
        windows=len(windows),
        found=len(found),
        false=false,
        alarms=begun,
        delays=delays,
        score=nab.score(
            len(times),
            [places for window in windows if (places := _places(times, window)) is not None],
            [bisect_left(times, alarm.start) for alarm in begun],
        ),
    )


def usual_step(times: Sequence[float]) -> float:
    """Seconds from value to value: the median. Raises ValueError where time goes back, or never moves."""
    steps = [later - earlier for earlier, later in pairwise(times)]
    for number, step in enumerate(steps):
        if step < 0:
            raise ValueError(f"value {number + 2} is older than the one before it: sort the series by time")
    usual = statistics.median(step for step in steps if step > 0) if any(steps) else 0.0
    if not usual:
        raise ValueError("all values have the same time")
    return usual


def _places(times: Sequence[float], window: tuple[float, float]) -> tuple[int, int] | None:
    """The first and the last value in a window of time; None where it holds none."""
    first, last = bisect_left(times, window[0]), bisect_right(times, window[1]) - 1
    return (first, last) if first <= last else None

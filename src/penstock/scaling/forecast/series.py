"""Windows of ten seconds made into the equal steps that a forecaster takes, with its gaps told as gaps. Pure.

Enters: windows in order, each with what came of every name in it. Leaves: per step a value a second, or None where too
little of the step was seen. What nobody saw (a restart, a window that is missing) is no zero.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from penstock.scaling.forecast.forecaster import Forecaster

SEEN_SHARE = 0.5
"""Of a step that must have been seen for its value to count."""
MOST_GAPS = 13_000
"""Steps that were missed and are caught up with: nine days of minutes. After more it begins anew."""


class Step(NamedTuple):
    """``start``: Unix seconds; ``seconds`` of it were seen; ``amounts``: what came, by name."""

    start: float
    seconds: float
    amounts: dict[str, float]

    def rate(self, name: str, step: float) -> float | None:
        """A second; None where too little was seen."""
        return self.amounts.get(name, 0.0) / self.seconds if self.seconds >= SEEN_SHARE * step else None


class Steps:
    """Adds windows up to steps of ``step`` seconds, which begin at multiples of it."""

    def __init__(self, step: float) -> None:
        self.step = step
        self._open: Step | None = None

    def add(self, start: float, seconds: float, amounts: Mapping[str, float]) -> list[Step]:
        """A window that began at ``start``, and of which ``seconds`` were seen. Returns the steps that ended."""
        begin = math.floor(start / self.step) * self.step
        ended = []
        if self._open is not None and begin < self._open.start:
            return []  # the clock was put back: what is counted already stays as it is
        if self._open is None or begin > self._open.start:
            ended += [] if self._open is None else [self._open]
            self._open = Step(begin, 0.0, {})
        sums = self._open.amounts
        for name, amount in amounts.items():
            sums[name] = sums.get(name, 0.0) + amount
        self._open = self._open._replace(seconds=self._open.seconds + seconds)
        if start + seconds >= begin + self.step:  # the last of them: no need to wait for the next
            ended.append(self._open)
            self._open = Step(begin + self.step, 0.0, {})
        return [one for one in ended if one.seconds]

    def __repr__(self) -> str:
        return f"<Steps of {self.step:g} s, {'none' if self._open is None else self._open} open>"


class Series:
    """One name's forecaster, and up to when it knows: ``newest`` is the start of the step of its newest value. What is
    due is taken in one value at a time, so that nobody waits for it."""

    def __init__(self, forecaster: Forecaster, newest: float | None = None) -> None:
        self.forecaster = forecaster
        self.newest = newest
        self.last: float | None = None
        self.gaps = 0
        self.saved = -math.inf
        self.active = -math.inf
        self._due: deque[float | None] = deque()

    def offer(self, start: float, value: float | None) -> bool:
        """The value of the step that began at ``start``; steps before it that were missed are gaps. False where so many
        were missed that what is known says nothing about now."""
        missed = 0
        if self.newest is None and value is None:
            return True  # it begins with something
        if self.newest is not None:
            missed = round((start - self.newest) / self.forecaster.step) - 1
            if missed < 0:
                return True  # known already
            if missed > MOST_GAPS:
                return False
        self._due.extend([None] * missed)
        self._due.append(value)
        self.newest = start
        if value:
            self.active = start
        return True

    def restore(self, newest: float, gaps: int, state: bytes, make: Callable[[], Forecaster]) -> bool:
        """Go on from what was known up to the step ``newest``. What came since, and was not learned yet, is learned
        after the gap. False, and nothing is changed, where the state cannot be read, is of too long ago or of a
        moment that has not come: until then nothing would be learned."""
        known = make()
        since, waiting = self.newest, list(self._due)
        latest = self.active if since is None else max(since, self.active)
        if not math.isfinite(newest) or newest > latest > -math.inf or not known.load(state):
            return False
        first = newest if since is None else since - (len(waiting) - 1) * known.step
        missed = round((first - newest) / known.step) - 1
        if missed > MOST_GAPS or self.forecaster.count:
            return False
        self.forecaster, self.gaps = known, gaps
        self._due.clear()
        self._due.extend([None] * max(0, missed) + waiting[max(0, -missed) :])
        self.newest = newest if since is None else max(newest, since)
        self.active = max(self.active, newest)
        return True

    @property
    def is_behind(self) -> bool:
        """Whether something is due."""
        return bool(self._due)

    def catch_up(self) -> bool:
        """Take one value in. Returns whether more is due."""
        if self._due:
            value = self._due.popleft()
            if self.forecaster.add(value) is None:
                self.gaps += 1
            else:
                self.last = value
        return bool(self._due)

    @property
    def speaks(self) -> bool:
        """Whether it can be asked now: it is at most the newest value behind."""
        return self.last is not None and len(self._due) <= 1

    def __repr__(self) -> str:
        return f"<Series {self.forecaster!r}, {len(self._due)} due>"

"""Where to go next with one knob: a pattern search within bounds, and how long to leave it alone after a failure. Pure.

Enters: what came of each step. Leaves: the next value. After a kept step it goes on in the same direction; when that
fails, steps get smaller, in both directions, until they are too small to tell. Then it rests at the best value. A day
has a rhythm: some hours later it looks whether it went too far, or began at a bad hour, and then ever more seldom.
Where a guard was hurt, which noise does too, it looks again after a day, and after twice as long each further time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from penstock.insight.optimizer.knobs import Knob
from penstock.insight.optimizer.rhythm import DAY, Rhythm

LONGEST_COOLDOWN = 24 * 3600.0
PAUSE = 6 * 3600.0
"""After so long without a gain it looks again: it is another time of the day."""
OFTEN = 4
"""So many times, which is a day; then after a day, two, four: looking costs callers something, too."""
LONG = 3
"""Steps in a row one way, half of which may be too many at other hours."""
NEAR = 0.02
"""Steps shorter than this, as a share, are none."""


class Step(NamedTuple):
    """One that was kept."""

    start: float
    value: float
    direction: int
    size: float


class Search:
    """Of one key. ``best`` is the value that was last found good; ``rests``: nothing more is to be gained."""

    def __init__(self, knob: Knob, first: int | None = None) -> None:
        self.knob = knob
        self.step = knob.factor
        self.direction = first or knob.first
        self.best: float | None = None
        self.rests = False
        self.failures = 0
        self.cool_until = 0.0
        self._left = {1, -1}
        self._walls: dict[int, tuple[float, float]] = {}
        self._hurts = {1: 0, -1: 0}
        self.rhythm = Rhythm()
        self._least = knob.finest
        self._steps: list[Step] = []
        self._back: float | None = None  # a value to try before any step
        self._since: float | None = None
        self._resumed = 0

    def ready(self, now: float) -> bool:
        """Whether it may be tried again, as far as its last failure is concerned."""
        for way in [way for way, (_, until) in self._walls.items() if now >= until]:
            del self._walls[way]
            self._anew(way, {way})
        if self._since is None:
            self._since = now
        elif now - self._since >= (PAUSE if self._resumed < OFTEN else DAY * 2 ** (self._resumed - OFTEN)):
            self._look_again(now)
        return now >= self.cool_until and not self.rests

    def _anew(self, direction: int, left: set[int]) -> None:
        self.step, self.direction, self._left = self.knob.factor, direction, left
        self.rests, self.failures = False, 0

    def _look_again(self, now: float) -> None:
        """Another time of the day: is so far too far now? And one that rests begins anew, with its longest step."""
        self._resumed += 1
        self._since = now
        self.cool_until = min(self.cool_until, now)
        self._back = self._half_way_back()
        if self.rests:
            self._anew(-self.direction, {1, -1})
            self._least = self.knob.factor

    def _half_way_back(self) -> float | None:
        """The middle of the way that steps one way have taken: where it is flat now, a single one tells nothing."""
        run: list[Step] = []
        for step in reversed(self._steps):
            if run and step.direction != run[0].direction:
                break
            run.append(step)
        if len(run) < LONG:
            return None
        knob, first, last = self.knob, run[-1].start, run[0].value
        return knob.rounded((first + last) / 2 if knob.kind == "share" else math.sqrt(first * last))

    def next(self, present: float, low: float, high: float) -> float | None:
        """The value to try from ``present``; None when there is none left."""
        if self._back is not None:
            direction = 1 if self._back > present else -1
            if low <= self._back <= high and self._back != present and not self._walled(self._back, direction):
                self.direction = direction
                return self._back
            self._back = None
        while not self.rests:
            for direction in (self.direction, -self.direction):
                if direction not in self._left:
                    continue
                value = self._stepped(present, direction, low, high)
                if value is not None:
                    self.direction = direction
                    return value
                self._left.discard(direction)
            self._finer()
        return None

    def _stepped(self, present: float, direction: int, low: float, high: float) -> float | None:
        knob = self.knob
        linear = knob.kind == "share"
        value = present + direction * self.step if linear else present * self.step**direction
        if knob.kind == "count" and round(value) == round(present):
            value = present + direction
        value = knob.rounded(min(high, max(low, value)))
        value = min(high, max(low, value))
        if self._walled(value, direction):
            return None
        far = abs(value - present) if linear else abs(math.log(value / present)) if value > 0 and present > 0 else 0.0
        least = knob.finest / 2 if linear else NEAR
        return value if far >= least and (value - present) * direction > 0 else None

    def _walled(self, value: float, direction: int) -> bool:
        wall = self._walls.get(direction)
        return wall is not None and (value - wall[0]) * direction >= 0

    def _finer(self) -> None:
        """Smaller steps, in both directions."""
        self.step = self.step / 2 if self.knob.kind == "share" else math.sqrt(self.step)
        self._left = {1, -1}
        if self.step < self._least:
            self.rests = True

    def kept(self, value: float, start: float) -> None:
        """The step from ``start`` was good: on in the same direction. Back is where it came from."""
        if self._back is not None:
            self.step = self.knob.factor
        self.best = value
        self.failures = self._hurts[self.direction] = 0
        self._left = {self.direction}
        self._back, self._resumed, self._since, self._least = None, 0, None, self.knob.finest
        self._steps.append(Step(start, value, self.direction, self.step))
        if self.knob.kind == "share":  # it is added, and so would take long
            self.step *= 2

    def failed(self, now: float, cooldown: float, hurt: float | None = None) -> None:
        """The step was not. Each failure in a row doubles the pause. ``hurt``: the value, where it hurt a guard; that
        counts twice, and for a day or longer nothing is tried from there on."""
        self.failures += 1 if hurt is None else 2
        if hurt is not None:
            self._hurts[self.direction] += 1
            self._walls[self.direction] = (hurt, now + LONGEST_COOLDOWN * 2 ** (self._hurts[self.direction] - 1))
        self.cool_until = now + min(LONGEST_COOLDOWN, cooldown * 2 ** (self.failures - 1))
        if self._back is not None:
            self._back = None
            return
        self._left.discard(self.direction)
        if self._left:
            self.direction = -self.direction
        else:
            self._finer()

    def lost(self, value: float, now: float, cooldown: float, *, hurt: bool) -> None:
        """A step that was kept is taken back after all: from where it began, what lies between is unknown."""
        places = [place for place, step in enumerate(self._steps) if step.value == value]
        if places:
            _, _, self.direction, self.step = self._steps[places[-1]]
            del self._steps[places[-1] :]
        direction, step, self.failures = self.direction, self.step, 0
        self.failed(now, cooldown, value if hurt else None)
        self.direction, self.step = direction, step
        self.best = self._steps[-1].value if self._steps else None
        self.rests, self._since, self._back, self._least = False, None, None, self.knob.finest
        self._finer()

    def __repr__(self) -> str:
        return f"<Search of {self.knob.key}, step {self.step:.3g}, {'rests' if self.rests else self.direction}>"


class Rest:
    """Of something that is done once: how long until it is done again."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def ready(self, now: float) -> bool:
        """Whether it may be done again."""
        return now >= self._until

    def done(self, now: float, cooldown: float, *, helped: bool) -> None:
        """It was done. Each time that it did not help doubles the pause."""
        self._failures = 0 if helped else self._failures + 1
        self._until = now + min(LONGEST_COOLDOWN, cooldown * 2**self._failures)

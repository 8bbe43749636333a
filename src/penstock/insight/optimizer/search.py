"""Where to go next with one knob: a pattern search within bounds, and how long to leave it alone after a failure. Pure.

Enters: what came of each step. Leaves: the next value. After a kept step it goes on in the same direction; when that
fails, steps get smaller, in both directions, until they are too small to tell. Then it rests at the best value.
"""

from __future__ import annotations

import math

from penstock.insight.optimizer.knobs import Knob

LONGEST_COOLDOWN = 24 * 3600.0
NEAR = 0.02
"""Steps shorter than this, as a share, are none."""


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

    def ready(self, now: float) -> bool:
        """Whether it may be tried again, as far as its last failure is concerned."""
        self._walls = {way: wall for way, wall in self._walls.items() if now < wall[1]}
        return now >= self.cool_until and not self.rests

    def next(self, present: float, low: float, high: float) -> float | None:
        """The value to try from ``present``; None when there is none left."""
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
        wall = self._walls.get(direction)
        if wall is not None and (value - wall[0]) * direction >= 0:
            return None
        far = abs(value - present) if linear else abs(math.log(value / present)) if value > 0 and present > 0 else 0.0
        least = knob.finest / 2 if linear else NEAR
        return value if far >= least and (value - present) * direction > 0 else None

    def _finer(self) -> None:
        """Smaller steps, in both directions."""
        self.step = self.step / 2 if self.knob.kind == "share" else math.sqrt(self.step)
        self._left = {1, -1}
        if self.step < self.knob.finest:
            self.rests = True

    def kept(self, value: float) -> None:
        """The step was good: on in the same direction. Back is where it came from."""
        self.best = value
        self.failures = 0
        self._left = {self.direction}
        if self.knob.kind == "share":  # it is added, and so would take long
            self.step *= 2

    def failed(self, now: float, cooldown: float, hurt: float | None = None) -> None:
        """The step was not. Each failure in a row doubles the pause. ``hurt``: the value, where it hurt a guard; that
        counts twice, and for a day nothing is tried from there on."""
        self.failures += 1 if hurt is None else 2
        if hurt is not None:
            self._walls[self.direction] = (hurt, now + LONGEST_COOLDOWN)
        self._left.discard(self.direction)
        self.cool_until = now + min(LONGEST_COOLDOWN, cooldown * 2 ** (self.failures - 1))
        if self._left:
            self.direction = -self.direction
        else:
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

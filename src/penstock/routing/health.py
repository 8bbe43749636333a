"""Whether one upstream may be chosen, and how much of its share it takes: its breaker, its probes, its peers. Pure.

Out of use is one whose breaker is not closed (direct evidence: calls failed there), that failed several active probes,
or that is much slower than its peers. One that comes back takes a share that grows over ``slow_start`` seconds. What
changes by itself does so at ``until``, so that nobody has to look before.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from penstock.routing.breaker import EVER, Breaker, BreakerRules

STEPS = 10
"""In which a share grows: between two of them it is one number, and need not be worked out for each call."""
SLOW_SECONDS = 30.0
"""For how long one that is slower than its peers is left out the first time; each further time as long again."""
MOST_SLOW_TIMES = 10


class Counting(Protocol):
    """Counts what changes which targets may be chosen."""

    count: int


@dataclass(slots=True)
class HealthRules:
    """One for all upstreams of a worker; a reload changes it. ``slow_start``: seconds; ``panic``: the share of a
    model's upstreams below which those are used too that are merely suspected; ``outlier``: times the median time to
    the first token that make one too slow, 0 for never."""

    breaker: BreakerRules = field(default_factory=BreakerRules)
    slow_start: float = 10.0
    panic: float = 0.5
    outlier: float = 0.0


class Health:
    """``bad``: failed probes in a row; ``sick``: so many that it is out of use; ``slow_until``: left out as too slow
    until then; ``wary_until``: it hung, and whoever asks it before then may wait in vain; ``since``: when it came back;
    ``probes``: results, counted; ``ejections``: how often it left."""

    __slots__ = (
        "_changes", "_slow_times", "bad", "breaker", "ejections", "probes", "rules", "sick", "since", "slow_until",
        "wary_until",
    )  # fmt: skip

    def __init__(
        self, rules: HealthRules, changes: Counting, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.rules = rules
        self.breaker = Breaker(rules.breaker, uniform)
        self._changes = changes
        self._slow_times = 0
        self.bad = 0
        self.sick = False
        self.slow_until = 0.0
        self.wary_until = 0.0
        self.since = -EVER
        self.probes: Counter[str] = Counter()
        self.ejections = 0

    # ---- what Candidates asks

    def usable(self, now: float) -> bool:
        """Whether it is well, as far as is known. ``settle`` was called at the same moment."""
        return self.standing and not self.sick and now >= self.slow_until

    @property
    def standing(self) -> bool:
        """Whether its breaker lets a call through. What else speaks against it is no more than a suspicion."""
        breaker = self.breaker
        return breaker.state == "closed" or (breaker.free and not self.bad)

    def settle(self, now: float) -> bool:
        """Take note of the time. True when it has just come back from being too slow."""
        # A probe that failed says more than that some time has passed.
        if not (self.bad and self.breaker.state == "open") and self.breaker.look(now):
            self._changed()
        if self.slow_until and now >= self.slow_until:
            self.slow_until = 0.0
            self.since = now
            return True
        return False

    def share(self, now: float) -> float:
        """Which part of its weight counts: less than 1 for a while after it came back."""
        whole = self.rules.slow_start
        age = now - self.since
        return 1.0 if age >= whole else (max(0, int(age * STEPS / whole)) + 1) / STEPS

    def until(self, now: float) -> float:
        """The moment at which any of this may change by itself."""
        until = self.breaker.until if not (self.bad and self.breaker.state == "open") else EVER
        if self.slow_until:
            until = min(until, self.slow_until)
        whole = self.rules.slow_start
        age = now - self.since
        if age < whole:
            until = min(until, self.since + (max(0, int(age * STEPS / whole)) + 1) * whole / STEPS)
        return until

    def back(self, now: float) -> float:
        """The earliest moment at which it may be used again, as far as is known."""
        breaker = self.breaker
        back = max(now, self.slow_until)
        if breaker.state == "open":
            back = max(back, breaker.until)
        return back

    @property
    def word(self) -> str:
        """Its state: ``closed``, ``open`` or ``half_open`` (its breaker's), ``sick`` (its probes') or ``slow``."""
        if self.breaker.state != "closed":
            return self.breaker.state
        return "sick" if self.sick else "slow" if self.slow_until else "closed"

    # ---- what is learned

    def arrive(self, moment: float) -> None:
        """It is new here: its share grows from ``moment`` on, and before then it has the least of it."""
        if self.rules.slow_start:
            self.since = moment
            self._changed()

    def well(self, now: float, trial: int = 0) -> None:
        """An attempt there ended well."""
        breaker = self.breaker
        before = breaker.state
        breaker.well(now, trial)
        if breaker.state != before:
            self.since = now
            self._changed()

    def ill(self, now: float, trial: int = 0, after: float = 0.0) -> None:
        """An attempt failed there by the upstream's fault. ``after``: seconds that it asks to be left alone."""
        before = self.breaker.openings
        self.breaker.ill(now, trial, after)
        if self.breaker.openings != before:
            self._left()

    def hung(self, now: float) -> None:
        """An attempt there waited for the whole of its time."""
        self.wary_until = now + self.rules.breaker.longest

    def begin(self, now: float) -> int:
        """The number of the trial that is to be made now; 0 for an ordinary attempt."""
        trial = self.breaker.begin(now)
        if trial:
            self._changed()
        return trial

    def lost(self, trial: int) -> None:
        """A trial told nothing."""
        self.breaker.lost(trial)
        self._changed()

    def probed(self, result: str, good: bool | None, now: float, most: int) -> None:
        """An active probe had this ``result``: good, bad, or (None) one that says only that there is an answer.
        ``most`` bad ones in a row put it out of use."""
        self.probes[result] += 1
        if good is False:
            self.bad += 1
            if self.breaker.state == "half_open":
                self.breaker.refute(now)
                self._left()
            elif self.bad >= most and not self.sick:
                self.sick = True
                self._left()
            elif self.bad == 1 and self.breaker.state == "open":
                self._changed()
            return
        if good:
            self.wary_until = 0.0
        if self.sick:
            self.since = now
        if self.bad or (good and self.breaker.state == "open"):
            self.bad = 0
            self.sick = False
            if good:
                self.breaker.hasten()
            self._changed()

    def eject(self, now: float) -> None:
        """It is much slower than its peers."""
        self._slow_times = min(self._slow_times + 1, MOST_SLOW_TIMES)
        self.slow_until = now + SLOW_SECONDS * self._slow_times
        self._left()

    def _left(self) -> None:
        self.ejections += 1
        self._changed()

    def _changed(self) -> None:
        self._changes.count += 1

    def __repr__(self) -> str:
        return f"<Health {self.word}, {self.bad} bad probes, left {self.ejections} times>"

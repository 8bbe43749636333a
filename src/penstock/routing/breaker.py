"""A circuit breaker: an upstream that fails is left alone for a while, then asked once, then used again. Pure.

Enters: how attempts at one upstream ended, each with its moment. Leaves: ``state``; ``TABLE`` is all that there is to
know of states, as data. It opens on failures in a row, or on a share of failures among enough attempts of late (M.
Nygard, "Release It!", 2007); for a time that doubles each time, with jitter, bounded. Then one attempt is the trial.
Whether something is a failure of the upstream is for others to say (``Kind.blames``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from penstock.routing.window import Window

State = Literal["closed", "open", "half_open"]
Event = Literal["tripped", "due", "passed", "missed"]

TABLE: dict[tuple[State, Event], State] = {
    ("closed", "tripped"): "open",  # it has failed too often
    ("open", "due"): "half_open",  # its time is over, or it answered a probe
    ("half_open", "passed"): "closed",  # the trial went well
    ("half_open", "missed"): "open",  # the trial failed, or came to no end
}
"""Every other event leaves the state as it is."""

EVER: Final = math.inf
MOST_DOUBLINGS: Final = 16


@dataclass(slots=True)
class BreakerRules:
    """When it opens: after ``failures`` in a row, or when the share ``rate`` of at least ``least`` attempts in
    ``window`` seconds failed. ``open``: seconds of the first time; ``longest``: of any, and of a trial."""

    failures: int = 5
    rate: float = 0.5
    window: float = 10.0
    least: int = 20
    open: float = 1.0
    longest: float = 30.0


class Breaker:
    """``until``: when the state may change by the mere passing of time; ``streak``: failures in a row; ``openings``:
    how often it opened; ``trial``: the number of the trial under way, else 0; ``last_well``: the newest good end."""

    __slots__ = (
        "_closed", "_made", "_recent", "_rules", "_times", "_uniform", "last_well", "openings", "state", "streak",
        "trial", "until",
    )  # fmt: skip

    def __init__(self, rules: BreakerRules, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._rules = rules
        self._uniform = uniform
        self._recent = Window(rules.window)
        self._times = 0
        self._made = 0
        self._closed = -EVER
        self.state: State = "closed"
        self.until = EVER
        self.streak = 0
        self.openings = 0
        self.trial = 0
        self.last_well = -EVER

    # ---- how attempts ended

    def well(self, now: float, trial: int = 0) -> None:
        """An attempt ended well. Of those sent before it opened nothing is learned: only the trial counts then."""
        self.last_well = now
        if self.state == "closed":
            recent = self._recent
            if now >= recent.turn:
                recent.slide(now)
            recent.all += 1
            self.streak = 0
        elif trial and trial == self.trial:
            self._move("passed")
            self._closed = now
            self._settle(EVER)

    def ill(self, now: float, trial: int = 0, after: float = 0.0) -> None:
        """An attempt failed through the upstream's fault. ``after``: seconds that it asks to be left alone."""
        if self.state == "closed":
            recent = self._recent
            if now >= recent.turn:
                recent.slide(now)
            recent.all += 1
            recent.marked += 1
            self.streak += 1
            if self._is_too_often(now):
                self._open("tripped", now, after)
        elif trial and trial == self.trial:
            self._open("missed", now, after)

    def lost(self, trial: int) -> None:
        """The trial ended without telling anything: another may be made."""
        if trial and trial == self.trial:
            self._settle(EVER)

    # ---- what time and probes change

    def look(self, now: float) -> bool:
        """Take note of the time. True when that changed the state."""
        if now < self.until:
            return False
        if self.state == "open":
            self.hasten()
        else:
            self._open("missed", now)
        return True

    def hasten(self) -> None:
        """It need not be left alone any longer."""
        if self.state == "open":
            self._move("due")
            self._settle(EVER)

    def refute(self, now: float) -> None:
        """It is not well after all, whatever becomes of the trial."""
        if self.state == "half_open":
            self._open("missed", now)

    @property
    def free(self) -> bool:
        """Whether it waits for a trial."""
        return self.state == "half_open" and not self.trial

    def begin(self, now: float) -> int:
        """The number of the trial that begins now; 0 when none may. One that takes too long counts as failed."""
        if not self.free:
            return 0
        self._made += 1
        self.trial = self._made
        self.until = now + self._rules.longest
        return self.trial

    # ---- inside

    def _is_too_often(self, now: float) -> bool:
        rules = self._rules
        self._recent.seconds = rules.window
        if self.streak >= rules.failures:
            return True
        attempts, failed = self._recent.sums(now)
        return attempts >= rules.least and failed >= rules.rate * attempts

    def _open(self, event: Event, now: float, after: float = 0.0) -> None:
        rules = self._rules
        if event == "tripped" and now - self._closed > rules.longest:
            self._times = 0  # it was well for so long that this is another story
        self._times = min(self._times + 1, MOST_DOUBLINGS)
        self.openings += 1
        seconds = min(rules.longest, rules.open * 2.0 ** (self._times - 1)) * self._uniform(0.75, 1.0)
        self._move(event)
        self._settle(now + max(seconds, min(after, rules.longest)))

    def _move(self, event: Event) -> None:
        self.state = TABLE.get((self.state, event), self.state)

    def _settle(self, until: float) -> None:
        self.until = until
        self.trial = 0
        self.streak = 0
        self._recent.clear()

    def __repr__(self) -> str:
        return f"<Breaker {self.state}, {self.streak} failures in a row, opened {self.openings} times>"

"""The seats at one upstream, or of the whole gateway: how many there are, how many are taken, how long they are held.

Enters: the beginning and end of each call there; times are passed in. Leaves: ``free``, and what is needed to say how
long a wait will be. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.admission.arrivals import Arrivals

if TYPE_CHECKING:
    from penstock.admission.limit.limit import Limit, Outcome
    from penstock.admission.line import Line

KEEP = 0.95
"""What is left of what was known of the time that a seat is held, after one more."""
QUICK = 0.1
"""The share of the calls that are quicker than ``quick``."""


class Place:
    """See the module. ``taken`` counts calls, and seats promised to some that have not sat down yet; ``hold``: seconds
    that a seat is held, on the mean (0: not known); ``quick``: by the quickest; ``line``: who waits for it, if anybody
    does, and ``arrivals``: who keeps coming; ``freed`` is told when a seat may have come free; ``yielding``: calls that
    would give theirs up, with what stops them, the class and the moment of each."""

    __slots__ = ("arrivals", "freed", "hold", "limit", "line", "name", "quick", "rule", "taken", "yielding")

    def __init__(self, name: str, rule: Limit, freed: Callable[[Place], None], taken: int = 0) -> None:
        self.name = name
        self.rule = rule
        self.limit = rule.limit
        self.taken = taken
        self.hold = 0.0
        self.quick = 0.0
        self.line: Line | None = None
        self.arrivals = Arrivals()
        self.freed = freed
        self.yielding: dict[Callable[[], None], tuple[int, float]] = {}

    @property
    def free(self) -> bool:
        """Whether one more call may begin there."""
        return self.taken < self.limit

    def take_rule(self, rule: Limit) -> None:
        """Other seats from now on; calls that are there stay."""
        self.rule = rule
        self.limit = rule.limit
        self.freed(self)

    def begin(self, now: float) -> None:
        """A call takes a seat, whether one is free or not."""
        self.taken += 1
        self.rule.begin(self.taken, now)
        self.limit = self.rule.limit

    def first(self, now: float, took: float, expected: float) -> None:
        """The first token of a call there came after ``took`` seconds; ``expected`` of an idle upstream."""
        self.rule.first(now, took, expected)
        self._follow()

    def end(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        """A call has given its seat back."""
        self.taken -= 1
        self.rule.done(now, took, first_token, outcome)
        self.limit = self.rule.limit
        if outcome == "ok":
            self.learn(took)
        if self.line is not None:
            self.freed(self)

    def give_up(self) -> None:
        """A promised seat was not taken."""
        self.taken -= 1

    def learn(self, took: float) -> None:
        """A seat was held for ``took`` seconds."""
        if not self.hold:
            self.hold = self.quick = took
            return
        self.hold += (1.0 - KEEP) * (took - self.hold)
        step = (1.0 - KEEP) * self.hold
        quick = self.quick + step * (QUICK if took > self.quick else QUICK - 1.0)
        self.quick = min(max(0.0, quick), self.hold)

    @property
    def slow(self) -> float:
        """Seconds within which most calls have given their seat back; 0 where that is not known."""
        return 2.0 * self.hold - self.quick

    @property
    def rate(self) -> float:
        """Seats that come free a second while all are taken; 0 where that is not known."""
        return self.limit / self.hold if self.hold else 0.0

    def _follow(self) -> None:
        before, self.limit = self.limit, self.rule.limit
        if self.limit > before and self.line is not None:
            self.freed(self)

    def __repr__(self) -> str:
        return f"<Place {self.name} {self.taken}/{self.limit}, held {self.hold:.3g} s>"

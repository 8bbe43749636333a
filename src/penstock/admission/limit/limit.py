"""How many calls one upstream may have at once, as whoever gives its seats sees it. Pure.

Enters: the beginning, the first token and the end of each call there. Leaves: ``limit``. May fail: not at all.
"""

from __future__ import annotations

from typing import Literal, Protocol

Outcome = Literal["ok", "overload", "error", "left"]
"""``overload``: the upstream refused the call because it has too many (429, 503). ``left``: its caller went away."""


class Limit(Protocol):
    """Moments are monotonic seconds, ``took`` seconds. ``limit`` is looked up before each call, and at least 1."""

    limit: int

    def begin(self, in_flight: int, now: float) -> None:
        """A call begins there; ``in_flight`` counts it."""

    def first(self, now: float, took: float, expected: float = 0.0) -> None:
        """The first token of one came after ``took``. ``expected``: seconds that it would have taken with nobody else
        there, which depends on the length of the prompt; 0 where nobody knows."""

    def done(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        """One has ended. ``first_token``: seconds until that came; None without one, as of an answer that is no stream.
        It is not counted once more where ``first`` is called."""

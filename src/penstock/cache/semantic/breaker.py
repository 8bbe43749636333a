"""Failures one after the other end the semantic cache for a while: calls then go on with the exact one alone. Pure.

Enters: how each lookup went, and the present moment. Leaves: whether to try. After the rest one lookup is let through.
"""

from __future__ import annotations

FAILURES = 5
FIRST_REST = 5.0
LONGEST_REST = 300.0


class Breaker:
    """See the module. ``trips``: how often it opened."""

    __slots__ = ("_failures", "_rest", "_until", "trips", "why")

    def __init__(self) -> None:
        self._failures = 0
        self._rest = FIRST_REST
        self._until = 0.0
        self.trips = 0
        self.why = ""

    def allows(self, now: float) -> bool:
        """Whether a lookup may be made."""
        return now >= self._until

    def well(self) -> None:
        """One went well."""
        if self._failures:
            self._failures = 0
            self._rest = FIRST_REST
            self.why = ""

    def failed(self, why: str, now: float) -> bool:
        """One failed. True when this opens the breaker: then it is worth saying."""
        self._failures += 1
        if self._failures < FAILURES:
            return False
        self._until = now + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)
        self._failures = FAILURES - 1  # the next failure opens it again at once
        first = self.why != why
        self.trips += 1
        self.why = why
        return first

    def __repr__(self) -> str:
        return f"<Breaker {self._failures} failures, {self.trips} trips{f': {self.why}' if self.why else ''}>"

"""A limit that somebody has set. Pure. May fail: not at all."""

from __future__ import annotations

from penstock.admission.limit.limit import Outcome


class Fixed:
    """See the module."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = max(1, limit)

    def begin(self, in_flight: int, now: float) -> None:
        pass

    def first(self, now: float, took: float, expected: float = 0.0) -> None:
        pass

    def done(self, now: float, took: float, first_token: float | None, outcome: Outcome) -> None:
        pass

    def __repr__(self) -> str:
        return f"<Fixed {self.limit}>"

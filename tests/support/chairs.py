"""A hall that gives what its test says, and targets with so many seats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.ports import Look, SeatOutcome, Seats
from penstock.core.priority import LOW
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from tests.support.targets import target


class Chairs:
    """So many seats, and what was told of them."""

    def __init__(self, limit: int, taken: int = 0) -> None:
        self.limit, self.taken = limit, taken
        self.outcomes: list[SeatOutcome] = []

    @property
    def free(self) -> bool:
        return self.taken < self.limit

    def begin(self, now: float) -> None:
        self.taken += 1
        assert self.taken <= self.limit

    def first(self, now: float, took: float, expected: float) -> None: ...

    def end(self, now: float, took: float, first_token: float | None, outcome: SeatOutcome) -> None:
        self.taken -= 1
        self.outcomes.append(outcome)


class Porter:
    """A hall that gives what its test says; ``found``: where each that waited could have sat."""

    def __init__(self, *gives: Seats | Fail | None) -> None:
        self.gives = list(gives)
        self.found: list[Any] = []
        self.fronts: list[bool] = []
        self.costs: list[float] = []
        self.vacated: list[Seats] = []
        self.stops: list[Callable[[], None]] = []
        self.kept = 0
        self.yielding = 2
        self.before: Callable[[], None] = lambda: None

    async def seat(self, exchange: Exchange, look: Look, cost: float, front: bool) -> Seats | None:
        self.found.append(look())
        self.fronts.append(front)
        self.costs.append(cost)
        self.before()
        given = self.gives.pop(0)
        if isinstance(given, Fail):
            raise given
        return given

    def yields(self, exchange: Exchange, times: int) -> bool:
        return exchange.priority >= LOW and times < self.yielding

    def lend(self, seats: Seats, exchange: Exchange, stop: Callable[[], None]) -> Callable[[], None]:
        self.stops.append(stop)

        def keep() -> None:
            self.kept += 1

        return keep

    def vacate(self, seats: Seats) -> None:
        self.vacated.append(seats)


def limited(name: str, seats: Seats | None) -> Target:
    made = target(name)
    made.seats = seats
    return made


def entry(those: Sequence[Target], pattern: str = "m", fallbacks: Sequence[str] = ()) -> Entry:
    return Entry(pattern, those, make_strategy("round_robin"), fallbacks=fallbacks)

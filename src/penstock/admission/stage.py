"""The admission room: so many calls are served at once; the others wait here, with their bodies unread, or are refused.

Enters: a head and a known caller. Leaves: the same, with a seat that is given back when the exchange ends. Fails with
429 (the key has too many here) or 503 (full, too late, short of memory), each with when to come back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from penstock.admission.counts import Counts
from penstock.admission.hall import Hall
from penstock.admission.place import Place
from penstock.admission.refusal import refusal
from penstock.core.exchange import Exchange
from penstock.core.overload import Overload, Pressure
from penstock.core.ports import Next
from penstock.core.reply import Reply


class Admission:
    """See the module. ``adapts``: the number of seats depends on how calls go."""

    needs: ClassVar[frozenset[str]] = frozenset({"head", "caller"})
    gives: ClassVar[frozenset[str]] = frozenset({"seat"})

    def __init__(
        self,
        door: Place,
        hall: Hall,
        overload: Overload,
        pressure: Pressure,
        counts: Counts,
        *,
        adapts: bool,
        now: Callable[[], float],
        uniform: Callable[[float, float], float],
    ) -> None:
        self._door = door
        self._hall = hall
        self._overload = overload
        self._pressure = pressure
        self._counts = counts
        self._now = now
        self._uniform = uniform
        self._leaving = self._leave_telling if adapts else self._leave  # bound once
        self._adapts = adapts

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        door = self._door
        if exchange.priority > self._pressure.floor:
            self._counts.shed["pressure", exchange.priority] += 1
            raise refusal("pressure", exchange.priority, "", 0.0, self._uniform)
        if door.taken >= door.limit:
            return self._wait(exchange, next)
        self._enter(exchange)
        return next(exchange)

    async def _wait(self, exchange: Exchange, next: Next) -> Reply:
        door = self._door
        places = (door,)
        await self._hall.seat(exchange, lambda: places)
        self._enter(exchange)
        return await next(exchange)

    def _enter(self, exchange: Exchange) -> None:
        if self._adapts:
            self._door.begin(self._now())
            self._overload.limit = self._door.limit
        else:
            self._door.taken += 1
        self._overload.in_flight += 1
        exchange.defer(self._leaving)

    def _leave(self, exchange: Exchange) -> None:
        door = self._door
        door.taken -= 1
        self._overload.in_flight -= 1
        if door.taken * 2 + 2 >= door.limit and exchange.outcome == "ok":  # by now it may matter how long calls take
            door.learn(exchange.ended - exchange.started - exchange.queued)
        if door.line is not None:
            door.freed(door)

    def _leave_telling(self, exchange: Exchange) -> None:
        self._overload.in_flight -= 1
        began = exchange.started + exchange.queued
        first = exchange.first_byte - began if exchange.first_byte > began else None
        outcome = "ok" if exchange.outcome == "ok" else "left" if exchange.outcome == "left" else "error"
        error = exchange.error
        if error is not None and error.fault == "upstream" and error.status in (429, 503):
            outcome = "overload"
        self._door.end(exchange.ended, exchange.ended - began, first, outcome)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<Admission {self._door!r}, {self._hall!r}>"

"""Where calls wait for seats: joins the queue to those who wait, and to time.

Enters: an exchange that found no seat, and a function that says where it could sit now. Leaves: a seat, or None when
there is no reason to wait any longer; the wait is noted in the exchange. Raises Fail: refused, shed, or too long. What
waits is looked at a few times a second, so that nobody waits for an upstream that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.admission.counts import Counts
from penstock.admission.place import Place
from penstock.admission.queue import Queue, Refused
from penstock.admission.refusal import refusal
from penstock.admission.waiter import Waiter
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.overload import Overload
from penstock.core.ports import Look, Seats
from penstock.core.priority import HIGH, LOW, NAMES

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

SWEEP_SECONDS = 0.1
PREEMPT_SHARE = 0.25
"""Of the time that a seat is held: a wait that is shorter is no reason to take a seat from somebody."""
EVERY = 10
"""Sweeps after which every call that waits asks where it could sit, though nothing is known to have changed."""


@dataclass(slots=True)
class Terms:
    """How long one may wait, and what may happen meanwhile. ``preempt``: times that a call gives its seat up."""

    max_wait: float = 30.0
    preempt: int = 2


class Guest(Waiter):
    """A call that waits, and what tells it of the end: ``promise``; ``place``: its seat, once it has one."""

    __slots__ = ("look", "place", "promise")

    look: Look
    promise: Promise[Place | None]
    place: Place | None


class Hall:
    """See the module. ``where``: for what calls wait here, in words. ``inside``: they count as in flight already.
    ``version`` says another number when there is reason to look again."""

    def __init__(
        self,
        queue: Queue,
        terms: Terms,
        counts: Counts,
        overload: Overload,
        *,
        where: str,
        inside: bool,
        loop: AbstractEventLoop,
        now: Callable[[], float],
        uniform: Callable[[float, float], float],
        version: Callable[[], int] = int,
    ) -> None:
        self.queue = queue
        self.terms = terms
        self._counts = counts
        self._overload = overload
        self._where = where
        self._inside = int(inside)
        self._loop = loop
        self._now = now
        self._uniform = uniform
        self._version = version
        self._seen = 0
        self._sweeps = 0
        self._timer = False

    # ---- as routing sees it

    async def seat(self, exchange: Exchange, look: Look, cost: float = 1.0, front: bool = False) -> Seats | None:
        """Wait for a seat."""
        places = _places(look())
        if not places:
            return None
        began = self._now()
        guest = Guest(
            exchange.key or exchange.scope, exchange.priority, places, began, exchange.deadline,
            weight=exchange.weight, cost=cost, patience=self.terms.max_wait, front=front,
        )  # fmt: skip
        guest.look, guest.place, guest.promise = look, None, Promise(self._loop)
        self._join(guest, began)
        exchange.place = self.queue.position(guest)
        self._count(1)
        if exchange.priority == HIGH and not front and self.terms.preempt:
            self._preempt(guest)
        self._watch()
        try:
            place = await guest.promise
        except BaseException:
            self._leave(guest)
            raise
        finally:
            self._count(-1)
            waited = self._now() - began
            exchange.note_wait("admission", waited)
        if place is not None:
            place.give_up()  # it is taken anew before anybody else can
            self._counts.waited(guest.rank, waited)
        return place

    def _leave(self, guest: Guest) -> None:
        """Whoever waited went away, perhaps after a seat was promised to it."""
        if guest.place is not None:
            self.vacate(guest.place, promised=True)
        self.queue.remove(guest)

    def yields(self, exchange: Exchange, times: int) -> bool:
        """Whether a call should give its seat up to a better one."""
        return exchange.priority >= LOW and times < self.terms.preempt

    def lend(self, seats: Seats, exchange: Exchange, stop: Callable[[], None]) -> Callable[[], None]:
        """``stop`` may be called until what is returned is."""
        assert isinstance(seats, Place)
        yielding = seats.yielding
        yielding[stop] = (exchange.priority, self._now())

        def keep() -> None:
            yielding.pop(stop, None)

        return keep

    def vacate(self, seats: Seats, *, promised: bool = False) -> None:
        """A seat came free, or was not taken by whom it was given."""
        assert isinstance(seats, Place)
        if promised:
            seats.give_up()
        self.freed(seats)

    # ---- as places see it

    def freed(self, place: Place) -> None:
        """There may be free seats."""
        while place.taken < place.limit and place.line is not None:
            waiter = self.queue.take(place)
            if waiter is None:
                return
            assert isinstance(waiter, Guest)
            if self._now() + place.slow > waiter.deadline and not waiter.front:
                self._turn_away(waiter, "late")  # a seat for an answer that most likely comes too late is a seat lost
                continue
            place.taken += 1  # promised: it sits down a turn of the loop later
            waiter.place = place
            self._loop.call_soon(waiter.promise.set_result, place)

    # ---- inside

    def _join(self, guest: Guest, now: float) -> None:
        told = self.queue.join(guest, now)
        if isinstance(told, Refused):
            reason = told.reason
            if reason == "full" and self.queue.crowded_by(guest):
                reason = "crowd"
            raise self._refused(reason, guest, told.wait)
        for other in told:
            assert isinstance(other, Guest)
            reason = "crowd" if other.rank == guest.rank else "share" if other.key == guest.key else "shed"
            self._turn_away(other, reason)

    def _refused(self, reason: str, waiter: Waiter, wait: float) -> Exception:
        self._counts.shed[reason, waiter.rank] += 1
        return refusal(reason, waiter.rank, self._where, wait, self._uniform)

    def _turn_away(self, guest: Guest, reason: str) -> None:
        """It has left the queue without a seat."""
        fail = self._refused(reason, guest, self.queue.expected(guest))
        self._loop.call_soon(guest.promise.set_exception, fail)

    def _preempt(self, guest: Guest) -> None:
        """Take a seat from the call that loses least: of the lowest class the one that began last."""
        if guest.bench is None:
            return
        wait, hold = self.queue.expected(guest), max((place.hold for place in guest.places), default=0.0)
        soon = wait and wait < PREEMPT_SHARE * hold and self._now() + wait + hold < guest.deadline
        if soon:
            return  # a seat comes free before the work that is thrown away would have paid
        found = [
            (terms, number, stop)
            for place in guest.places
            for number, (stop, terms) in enumerate(place.yielding.items())
        ]
        if found:
            (rank, _), _, stop = max(found, key=lambda one: one[:2])
            for place in guest.places:
                place.yielding.pop(stop, None)  # else the next of class high would take the same seat again
            self._counts.preempted[rank] += 1
            stop()

    def _count(self, number: int) -> None:
        self._overload.waiting += number
        self._overload.in_flight -= number * self._inside

    def _watch(self) -> None:
        if not self._timer and self.queue.size:
            self._timer = True
            self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = False
        now = self._now()
        waiters = list(self.queue.waiters())
        for waiter in waiters:
            if waiter.until <= now:
                assert isinstance(waiter, Guest)
                self.queue.remove(waiter)
                self._turn_away(waiter, "timeout")
            elif not waiter.front and now + min((place.slow for place in waiter.places), default=0.0) > waiter.deadline:
                assert isinstance(waiter, Guest)
                self.queue.remove(waiter)
                self._turn_away(waiter, "late")  # told while it can still do something else
        self._sweeps += 1
        version = self._version()
        if version != self._seen or self._sweeps % EVERY == 0:
            self._seen = version
            for waiter in waiters:
                if waiter.bench is not None:
                    assert isinstance(waiter, Guest)
                    self._look_again(waiter)
        for place in self.queue.places():
            self.freed(place)
        self._watch()

    def _look_again(self, guest: Guest) -> None:
        places = _places(guest.look())
        if not places:
            self.queue.remove(guest)
            self._loop.call_soon(guest.promise.set_result, None)
        elif places != guest.places:
            self.queue.move(guest, places)

    def dump(self) -> dict[str, Any]:
        """Who waits, as plain values."""
        queue = self.queue
        return {
            "waiting": dict(zip(NAMES, queue.by_class, strict=True)),
            "promoted": dict(zip(NAMES, queue.promoted, strict=True)),
        }

    def __repr__(self) -> str:
        return f"<Hall {self.queue!r}>"


def _places(found: Sequence[Seats] | None) -> tuple[Place, ...]:
    return tuple(place for place in found or () if isinstance(place, Place))

"""How a call gets a seat where upstreams have only so many: the one it chose, another, or the next to come free.

Enters: a step of a call whose chosen target is full. Leaves: a target at which the call must sit down before anything
else is awaited. Fails with what the hall refuses with, and with 503 when nobody is left to wait for. A call of a low
class may have to give its seat up before its first byte (``Lent``), and is then asked anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber, Promise
from penstock.core.ports import Hall, Seats
from penstock.routing.ask import Ask
from penstock.routing.attempts import Step, Tried
from penstock.routing.hedge import harmless_twice
from penstock.routing.nobody import nobody
from penstock.routing.seats import leave_seat
from penstock.routing.table import Entry
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

OUTPUT_COST = 2.0
"""What a token of an answer costs, in tokens of prompts: as in VTC (Sheng et al., "Fairness in Serving Large Language
Models", OSDI 2024)."""


class Seating:
    """See the module. ``newest``: an entry as it is by now; a call may wait for longer than a replica takes to come."""

    def __init__(
        self,
        hall: Hall,
        now: Callable[[], float],
        loop: Callable[[], AbstractEventLoop],
        newest: Callable[[Exchange, Entry], Entry] = lambda _, entry: entry,
    ) -> None:
        self._hall = hall
        self._now = now
        self._loop = loop
        self._newest = newest

    async def seat(self, exchange: Exchange, step: Step, ask: Ask) -> Target:
        """A target of the step with a seat for the call."""
        call, entry = exchange.call, step.entry
        targets: Sequence[Target] = step.targets

        def look() -> Sequence[Seats] | None:
            """Where it could sit now: at those of the step that are still well and those that came beside them since,
            else at whoever is."""
            nonlocal entry, targets
            entry = self._newest(exchange, step.entry)
            able = entry.candidates.spare(call, self._now())
            targets = [target for target in step.targets if target in able]
            if targets and entry is not step.entry:
                known, regions = {one.name for one in step.entry.targets}, {target.region for target in targets}
                targets += [one for one in able if one.name not in known and one.region in regions]
            targets = targets or Entry.within(entry.regions, able)
            seats = [target.seats for target in targets if target.seats is not None and not target.seats.free]
            return seats if len(seats) == len(targets) else None

        while True:
            free = [target for target in targets if target.seats is None or target.seats.free]
            if free:
                return Step(entry, step.asked, free).choose(ask)
            if not targets:
                raise nobody(entry, call, self._now())
            cost = 1.0 + ask.tokens + OUTPUT_COST * ask.output
            taken = await self._hall.seat(exchange, look, cost, step.yielded > 0)
            ask.now = self._now()
            if taken is None:
                continue
            if not any(target.seats is taken for target in entry.candidates.spare(call, ask.now)):
                self._hall.vacate(taken)  # it came free because calls fail there: the whole queue would follow them
                look()
                continue
            for target in targets:
                if target.seats is taken:
                    if target.keys.resting > ask.now and target.keys.wait(ask.model, ask.now):
                        self._hall.vacate(taken)  # what follows is no attempt
                    return target
            self._hall.vacate(taken)

    def lends(self, exchange: Exchange, step: Step) -> bool:
        """Whether the call gives its seat up to a better one before its first byte."""
        return self._hall.yields(exchange, step.yielded) and (
            exchange.call.operation.body != "opaque" and harmless_twice(exchange.call)
        )

    async def lent(self, exchange: Exchange, step: Step, target: Target, attempt: Awaitable[Tried]) -> Tried | None:
        """An attempt that may be stopped; None when it was."""
        return await Lent(self._hall, self._loop(), self._now, exchange, step, target).run(attempt)


class Lent:
    """One attempt whose seat may be taken away."""

    __slots__ = ("_exchange", "_fiber", "_hall", "_loop", "_now", "_over", "_step", "_target")

    def __init__(
        self,
        hall: Hall,
        loop: AbstractEventLoop,
        now: Callable[[], float],
        exchange: Exchange,
        step: Step,
        target: Target,
    ) -> None:
        self._hall = hall
        self._loop = loop
        self._now = now
        self._exchange = exchange
        self._step = step
        self._target = target
        self._over: Promise[Tried | None] = Promise(loop)
        self._fiber: Fiber | None = None

    async def run(self, attempt: Awaitable[Tried]) -> Tried | None:
        """Make the attempt."""
        seats = self._target.seats
        assert seats is not None
        fiber = self._fiber = Fiber(self._loop, self._try(attempt))
        fiber.step()
        if self._over.done():
            return self._over.result()
        keep = self._hall.lend(seats, self._exchange, self._stop)
        try:
            return await self._over
        except BaseException:
            fiber.cancel("caller gone")
            raise
        finally:
            keep()

    async def _try(self, attempt: Awaitable[Tried]) -> None:
        try:
            tried = await attempt
        except Exception as defect:
            self._over.set_exception(defect)
        else:
            self._over.set_result(tried)

    def _stop(self) -> None:
        """A better call takes the seat."""
        if self._over.done() or self._fiber is None:
            return
        fiber, self._fiber = self._fiber, None  # once: until this call runs on, it may be asked again
        self._step.yielded += 1
        fiber.cancel("preempted")
        leave_seat(self._exchange, self._now())
        self._loop.call_soon(self._over.set_result, None)

    def __repr__(self) -> str:
        return f"<Lent at {self._target.name}, {self._over!r}>"

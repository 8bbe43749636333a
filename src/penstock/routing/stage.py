"""The routing room: finds the model's entry, chooses an upstream, takes a seat there, and asks its provider; when that
fails before the first byte went to the caller, asks again, elsewhere, or for a fallback model.

Enters: a peeked call. Leaves: the upstream's Reply. Fails with 404 (unknown model, or no upstream offers the
operation), 503 (none of those that do can serve now), and with what the last attempt failed with.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from penstock.core.call import Call
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Hall, Next
from penstock.core.reply import Reply, Source, collect
from penstock.routing.ask import Ask
from penstock.routing.attempts import Attempts, Step, Tried
from penstock.routing.capabilities import Fit
from penstock.routing.collected import CollectedCall, Send
from penstock.routing.failure import KINDS, Failure, of_answer
from penstock.routing.following import Following
from penstock.routing.hedge import Hedge
from penstock.routing.holding import Holding
from penstock.routing.joint import Joint
from penstock.routing.nobody import nobody, somebody
from penstock.routing.outcomes import at_rest, failed, last, note, watch
from penstock.routing.race import Race
from penstock.routing.rescue import Rescue
from penstock.routing.seating import Seating
from penstock.routing.seats import Seat, ill, well
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from penstock.wire.streamed import as_stream
from penstock.wire.told_dialects import KINDS as TOLD

MOST_ERROR_BYTES: Final = 256 * 1024
ERROR_BODY_SECONDS: Final = 5.0


class Routing:
    """See the module. ``retries``: attempts after the first, a model; ``first_token``: seconds until a stream's first
    event; ``rescue``: finish answers whose upstream broke; ``collect``: those of calls without a stream too;
    ``hall``: where calls wait for upstreams that have no free seat; ``newest``: an entry as it is by now; ``holding``:
    where calls wait for pools that have no replica; ``uniform`` draws the jitter of waits."""

    needs: ClassVar[frozenset[str]] = frozenset({"peek", "body"})
    gives: ClassVar[frozenset[str]] = frozenset({"reply"})

    def __init__(
        self,
        table: Table,
        targets: Sequence[Target],
        *,
        retries: int = 0,
        first_token: float = 30.0,
        rescue: bool = True,
        collect: bool = False,
        hall: Hall | None = None,
        newest: Callable[[Exchange, Entry], Entry] = lambda _, entry: entry,
        holding: Holding | None = None,
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._table = table
        self._targets = targets
        self._retries = retries
        self._first_token = first_token
        self._rescue = rescue
        self._collect = collect
        self._now = now
        self._sleep = sleep
        self._uniform = uniform
        self._newest = newest
        self._holding = holding
        self._seating = None if hall is None else Seating(hall, now, asyncio.get_running_loop, newest)

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        now = self._now()
        if not call.model and not call.operation.needs_model:
            return self._send(exchange, somebody(self._targets, call, now), Ask(call, now))
        entry = self._table.find(call.model)
        if entry.trial is not None:
            version = entry.version(exchange)
            if version.candidates.able(call, now):
                entry = version
        targets = entry.candidates.able(call, now)
        if not targets:
            return self._without(exchange, entry, now)
        entry.budget.deposit(now)
        step = Step(entry, call.model, targets)
        if self._collect and not call.stream and (body := as_stream(call.operation.name, call.body)) is not None:
            return CollectedCall(exchange, body, self._send, _read_error, self._now).run(self._serve, step)
        return self._serve(exchange, step)

    def _without(self, exchange: Exchange, entry: Entry, now: float) -> Awaitable[Reply]:
        """None of the entry's upstreams can serve: a fallback may, or a replica that is started for it."""
        call = exchange.call
        attempts = self._attempts(call, Step(entry, call.model, ()))
        waits = self._holding is not None and not entry.targets and self._holding.takes(entry)
        if entry.candidates.having(call) or not entry.targets:
            step = attempts.fall_back(self._following(exchange, exchange.note_wait).able, now)
            if step is not None:
                return self._serve(exchange, step, attempts=attempts)
        exchange.model = entry.label  # what is told of it is told of the model that is out, not of an unknown one
        if waits and self._holding is not None:
            return self._holding.hold(exchange, entry, self._newest, self._serve)
        fail = nobody(entry, call, now)
        fail.message += attempts.note
        raise fail

    async def _serve(
        self, exchange: Exchange, step: Step, send: Send | None = None, attempts: Attempts | None = None
    ) -> Reply:
        """Attempt after attempt, until one answers or none is left."""
        send = send or self._send
        call = exchange.call
        while True:
            entry = step.entry
            ask = entry.ask(exchange, step.asked, self._now())
            target = step.choose(ask)
            exchange.model = entry.label
            exchange.answered_as = step.asked
            if call.max_tokens is None:
                exchange.output_default = entry.max_tokens
            race: Race | None = None
            seating = self._seating if target.seats is not None else None
            try:
                if seating is not None and not target.free:
                    target = await seating.seat(exchange, step, ask)
                if seating is not None and target.seats is not None and seating.lends(exchange, step):
                    attempt = self._attempt(exchange, target, ask, send)
                    lent = await seating.lent(exchange, step, target, attempt)
                    if lent is None:
                        continue
                    tried = lent
                elif entry.hedge is not None and entry.hedge.takes(call, len(step.targets)):
                    tried, race, attempts = await self._race(exchange, step, entry.hedge, target, ask, attempts, send)
                    target = tried.target
                else:
                    reply: Reply | None = await send(exchange, target, ask)
                    assert reply is not None
                    if reply.status < 400 and not reply.events:
                        well(exchange, self._now())
                        if entry.side is not None:
                            watch(exchange, entry.side)
                        return reply
                    tried = await self._weigh(exchange, target, reply)
            except Fail as fail:
                tried = failed(target, fail)
            failure, reply = tried.failure, tried.reply
            if failure is None:
                assert reply is not None
                if reply.events and self._rescue and isinstance(reply.body, Joint) and reply.body.told is not None:
                    self._guard(exchange, reply.body, step, target, attempts, race)
                if entry.side is not None:
                    watch(exchange, entry.side)
                if race is not None:
                    race.adopt()
                return reply
            note(exchange, tried, failure, entry, self._now())
            following = None
            if call.operation.body != "opaque" or exchange.body.length == 0:  # a streamed body is gone once sent
                attempts = attempts or self._attempts(call, step)
                following = await self._following(exchange, exchange.note_wait).step(attempts, failure, target)
            if following is None:
                return last(tried, "" if attempts is None else attempts.note)
            step = following

    def _following(self, exchange: Exchange, noted: Callable[[str, float], None]) -> Following:
        return Following(exchange, self._newest, self._holding, self._now, self._sleep, noted)

    async def _race(
        self,
        exchange: Exchange,
        step: Step,
        hedge: Hedge,
        target: Target,
        ask: Ask,
        attempts: Attempts | None,
        send: Send,
    ) -> tuple[Tried, Race, Attempts | None]:
        """An attempt, and another one beside it when the first is late."""
        attempt = partial(self._attempt, send=send)
        race = Race(exchange, step, hedge, attempt, self._now, asyncio.get_running_loop())
        tried = await race.run(target, ask)
        for hidden in race.hidden:
            assert hidden.failure is not None
            note(exchange, hidden, hidden.failure, step.entry, self._now())
            attempts = attempts or self._attempts(exchange.call, step)
            attempts.spend(hidden.failure, hidden.target)
        return tried, race, attempts

    def _attempts(self, call: Call, step: Step) -> Attempts:
        fallbacks = self._table.fallbacks(step.entry, step.asked)
        return Attempts(step.entry, step.asked, fallbacks, self._retries, self._uniform, Fit(call))

    def _guard(
        self, exchange: Exchange, joint: Joint, step: Step, target: Target, attempts: Attempts | None, race: Race | None
    ) -> None:
        """Have the stream finished by another upstream should this one break, or have to end."""

        def rescue(error: Fail) -> Coroutine[Any, Any, None]:
            made = Rescue(
                exchange, joint, step, target, attempts or self._attempts(exchange.call, step), self._attempt,
                self._following(exchange, exchange.name_wait), self._now, race.served if race else None, self._seating,
            )  # fmt: skip
            joint.rescue = made.run
            return made.run(error)

        joint.rescue = rescue

    async def _attempt(self, exchange: Exchange, target: Target, ask: Ask, send: Send | None = None) -> Tried:
        """One attempt. Only a failure that says nothing of attempts (a defect, a cancel) escapes."""
        try:
            tried = await self._weigh(exchange, target, await (send or self._send)(exchange, target, ask))
        except Fail as fail:
            tried = failed(target, fail)
        if tried.failure is not None:
            ill(exchange, tried.failure, self._now())
        return tried

    async def _weigh(self, exchange: Exchange, target: Target, reply: Reply) -> Tried:
        """What a reply is worth: an error is read whole, a stream must begin."""
        if reply.status >= 400:
            return Tried(target, reply, None, await _read_error(reply, target))
        if reply.events and not isinstance(reply.body, bytes):
            await self._first_frame(exchange, reply, reply.body)
        well(exchange, self._now())
        return Tried(target, reply)

    def _send(self, exchange: Exchange, target: Target, ask: Ask) -> Awaitable[Reply]:
        keys = target.keys
        if keys.resting > ask.now and (wait := keys.wait(ask.model, ask.now)):
            raise at_rest(target, wait)
        exchange.upstream_key = keys.take(ask.model, ask.now) if keys.count > 1 else 0
        exchange.upstream = target.name
        exchange.upstream_model = ask.model
        exchange.attempts += 1
        target.take_seat(exchange, ask)
        return target.provider.send(exchange, ask.model)

    async def _first_frame(self, exchange: Exchange, reply: Reply, body: Source) -> None:
        """Wait for a stream's first event. Raises UpstreamError when it is late, or an end comes instead."""
        kind = TOLD.get(exchange.call.operation.name)
        joint = reply.body = Joint(body, asyncio.get_running_loop(), kind() if kind is not None else None)
        if joint.told is not None and not self._rescue:
            joint.told.forget()
        began = self._now()
        seat = exchange.seat
        if isinstance(seat, Seat):
            seat.holds(joint)
        # The head has had its part of the time already. Whoever runs the exchange ends it at its deadline.
        until = (seat.stay.began if isinstance(seat, Seat) else began) + self._first_token
        try:
            await joint.begin(until - began, self._first_token, exchange.upstream)
        finally:
            exchange.waited += self._now() - began
        if isinstance(seat, Seat):
            seat.first_token(self._now())


async def _read_error(reply: Reply, target: Target) -> Failure:
    """Read an error answer whole (it is short), so that it can be understood, and shown to the caller if it stands."""
    body = reply.body
    if not isinstance(body, bytes):
        try:
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                body = await collect(body, MOST_ERROR_BYTES)
        except (TimeoutError, OverflowError):
            raise UpstreamError(
                f"an upstream answered {reply.status} and did not finish saying why", phase="body"
            ) from None
        reply.length = None
        reply.events = False
    reply.body = target.scrub(body)
    return of_answer(reply.status, reply.headers, body, time.time()) or Failure(KINDS["caller"])

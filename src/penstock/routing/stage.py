"""The routing room: finds the model's entry, chooses an upstream, takes a seat there, and asks its provider; when that
fails before the first byte went to the caller, asks again, elsewhere, or for a fallback model.

Enters: a peeked call. Leaves: the upstream's Reply. Fails with 404 (unknown model, or no upstream offers the operation)
and with what the last attempt failed with.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from penstock.core.call import Call
from penstock.core.errors import CallerError, Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply, collect
from penstock.routing.ask import Ask
from penstock.routing.attempts import Attempts, Step, Tried
from penstock.routing.capabilities import Fit
from penstock.routing.collected import CollectedCall, Send
from penstock.routing.failure import KINDS, Failure, of_answer, of_fail
from penstock.routing.hedge import Hedge
from penstock.routing.joint import Joint
from penstock.routing.race import Race
from penstock.routing.rescue import Rescue
from penstock.routing.table import Table
from penstock.routing.targets import Seat, Target
from penstock.routing.trial import Side
from penstock.wire.errors import with_note
from penstock.wire.streamed import as_stream
from penstock.wire.told_dialects import KINDS as TOLD

MOST_ERROR_BYTES = 256 * 1024
ERROR_BODY_SECONDS = 5.0


class Routing:
    """See the module. ``retries``: attempts after the first, a model; ``first_token``: seconds until a stream's first
    event; ``rescue``: finish answers whose upstream broke; ``collect``: those of calls without a stream too;
    ``uniform`` draws the jitter of waits."""

    needs = frozenset({"peek", "body"})
    gives = frozenset({"reply"})

    def __init__(
        self,
        table: Table,
        targets: Sequence[Target],
        *,
        retries: int = 0,
        first_token: float = 30.0,
        rescue: bool = True,
        collect: bool = False,
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

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if not call.model and not call.operation.needs_model:
            return self._send(exchange, self._any(exchange), Ask(call, self._now()))
        entry = self._table.find(call.model)
        if entry.trial is not None:
            version = entry.version(exchange)
            if version.candidates.able(call):
                entry = version
        targets = entry.candidates.able(call)
        if not targets:
            raise _not_offered(exchange, f"no upstream of model '{call.model}'") if entry.targets else _none_found(call)
        step = Step(entry, call.model, targets)
        if self._collect and not call.stream and (body := as_stream(call.operation.name, call.body)) is not None:
            return CollectedCall(exchange, body, self._send, _read_error, self._now).run(self._serve, step)
        return self._serve(exchange, step)

    async def _serve(self, exchange: Exchange, step: Step, send: Send | None = None) -> Reply:
        """Attempt after attempt, until one answers or none is left."""
        attempts: Attempts | None = None
        send = send or self._send
        call = exchange.call
        while True:
            entry = step.entry
            ask = entry.ask(exchange, step.asked, self._now())
            target = entry.strategy.choose(step.targets, ask)
            exchange.model = entry.label
            exchange.answered_as = step.asked
            if call.max_tokens is None:
                exchange.output_default = entry.max_tokens
            race: Race | None = None
            try:
                if entry.hedge is not None and entry.hedge.takes(call, len(step.targets)):
                    tried, race, attempts = await self._race(exchange, step, entry.hedge, target, ask, attempts, send)
                    target = tried.target
                else:
                    reply: Reply | None = await send(exchange, target, ask)
                    assert reply is not None
                    if reply.status < 400 and not reply.events:
                        if entry.side is not None:
                            watch(exchange, entry.side)
                        return reply
                    tried = await self._weigh(exchange, target, reply)
            except Fail as fail:
                tried = _failed(target, fail)
            failure, reply = tried.failure, tried.reply
            if failure is None:
                assert reply is not None
                if reply.events and self._rescue and isinstance(reply.body, Joint) and reply.body.told is not None:
                    self._guard(exchange, reply.body, step, target, attempts, race.served if race else None)
                if race is not None:
                    race.adopt()
                if entry.side is not None:
                    watch(exchange, entry.side)
                return reply
            exchange.note_failure(failure.kind.name, target.name)
            if entry.side is not None and failure.kind.fault == "upstream":
                entry.side.failed()
            following = None
            if call.operation.body != "opaque" or exchange.body.length == 0:  # a streamed body is gone once sent
                attempts = attempts or self._attempts(call, step)
                left = exchange.deadline - self._now()
                following = attempts.after(failure, target, lambda entry: entry.candidates.able(call), left)
            if following is None:
                return _last(tried, "" if attempts is None else attempts.note)
            if following.wait:
                await self._sleep(following.wait)
            step = following

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
            exchange.note_failure(hidden.failure.kind.name, hidden.target.name)
            attempts = attempts or self._attempts(exchange.call, step)
            attempts.spend(hidden.failure, hidden.target)
        return tried, race, attempts

    def _attempts(self, call: Call, step: Step) -> Attempts:
        fallbacks = self._table.fallbacks(step.entry, step.asked)
        return Attempts(step.entry, step.asked, fallbacks, self._retries, self._uniform, Fit(call))

    def _guard(
        self,
        exchange: Exchange,
        joint: Joint,
        step: Step,
        target: Target,
        attempts: Attempts | None,
        served: Exchange | None,
    ) -> None:
        """Have the stream finished by another upstream should this one break."""

        def rescue(error: Fail) -> Coroutine[Any, Any, None]:
            made = Rescue(
                exchange, joint, step, target, attempts or self._attempts(exchange.call, step), self._attempt,
                lambda entry: entry.candidates.able(exchange.call), self._now, self._sleep, served,
            )  # fmt: skip
            joint.rescue = made.run
            return made.run(error)

        joint.rescue = rescue

    async def _attempt(self, exchange: Exchange, target: Target, ask: Ask, send: Send | None = None) -> Tried:
        """One attempt. Only a failure that says nothing of attempts (a defect, a cancel) escapes."""
        try:
            return await self._weigh(exchange, target, await (send or self._send)(exchange, target, ask))
        except Fail as fail:
            return _failed(target, fail)

    async def _weigh(self, exchange: Exchange, target: Target, reply: Reply) -> Tried:
        """What a reply is worth: an error is read whole, a stream must begin."""
        if reply.status >= 400:
            return Tried(target, reply, None, await _read_error(reply))
        if reply.events and not isinstance(reply.body, bytes):
            await self._first_frame(exchange, reply)
        return Tried(target, reply)

    def _send(self, exchange: Exchange, target: Target, ask: Ask) -> Awaitable[Reply]:
        exchange.upstream = target.name
        exchange.upstream_model = ask.model
        exchange.attempts += 1
        target.take_seat(exchange, ask)
        return target.provider.send(exchange, ask.model)

    async def _first_frame(self, exchange: Exchange, reply: Reply) -> None:
        """Wait for a stream's first event. Raises UpstreamError when it is late, or an end comes instead."""
        assert not isinstance(reply.body, bytes)
        kind = TOLD.get(exchange.call.operation.name)
        source = Joint(reply.body, asyncio.get_running_loop(), kind() if kind is not None else None)
        if source.told is not None and not self._rescue:
            source.told.forget()
        reply.body = source
        source.open()
        if not source.arrived.done():
            began = self._now()
            within = min(self._first_token, exchange.deadline - began)
            try:
                async with asyncio.timeout(max(within, 0.001)):
                    await source.arrived
            except TimeoutError:
                source.cancel("silent")
                raise UpstreamError(
                    f"upstream '{exchange.upstream}' sent no event within {within:g} s",
                    status=504, code="upstream_timeout", phase="first_token", upstream=exchange.upstream,
                ) from None  # fmt: skip
            except asyncio.CancelledError:
                source.cancel("caller gone")
                raise
            finally:
                exchange.waited += self._now() - began
        error = source.arrived.result()
        if error is not None:
            raise error
        if isinstance(exchange.seat, Seat):
            exchange.seat.first_token(self._now())

    def _any(self, exchange: Exchange) -> Target:
        """For operations that name no model (files, batches): the first upstream that has them, if it can be one that
        takes new calls."""
        having = [target for target in self._targets if target.provider.serves(exchange.call)]
        for target in having:
            if not target.draining:
                return target
        if not having:
            raise _not_offered(exchange, "no upstream")
        return having[0]


def watch(exchange: Exchange, side: Side) -> None:
    """Measure how the answer that has begun goes on, for the trial that it belongs to."""

    def finished(exchange: Exchange) -> None:
        fault = "" if exchange.error is None else exchange.error.fault
        if exchange.rescues or fault == "upstream":
            side.failed()
        elif exchange.outcome == "ok":
            alone = exchange.attempts == 1
            began, tokens = exchange.first_byte, exchange.tokens_out
            gap = (exchange.ended - began) / (tokens - 1) if exchange.call.stream and tokens > 1 else 0.0
            side.answered(began - exchange.started if alone else 0.0, gap)

    exchange.defer(finished)


async def _read_error(reply: Reply) -> Failure:
    """Read an error answer whole (it is short), so that it can be understood, and shown to the caller if it stands."""
    body = reply.body
    if not isinstance(body, bytes):
        try:
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                reply.body = body = await collect(body, MOST_ERROR_BYTES)
        except (TimeoutError, OverflowError):
            raise UpstreamError(
                f"an upstream answered {reply.status} and did not finish saying why", phase="body"
            ) from None
        reply.length = None
        reply.events = False
    return of_answer(reply.status, reply.headers, body) or Failure(KINDS["caller"])


def _failed(target: Target, fail: Fail) -> Tried:
    """An attempt that ended so. The frames it came through hold the call and its bytes, in a circle: they go."""
    fail.__traceback__ = fail.__context__ = None
    return Tried(target, None, fail, of_fail(fail))


def _last(tried: Tried, note: str) -> Reply:
    """What the caller gets of the last attempt, with a note on the fallbacks. Raises what it failed with."""
    fail, reply = tried.fail, tried.reply
    if fail is None:
        assert reply is not None
        if reply.status != 401:
            if note and isinstance(reply.body, bytes):
                reply.body = with_note(reply.body, note)
            return reply
        fail = _key_refused(tried.target)
    fail.message += note
    raise fail


def _key_refused(target: Target) -> UpstreamError:
    """The caller's key was good here: a 401 from behind is about ours, and must not be taken for the caller's."""
    return UpstreamError(
        f"upstream '{target.name}' refused the key that this gateway showed it; 'penstock doctor' says more",
        code="upstream_auth", retryable=False, phase="auth", upstream=target.name,
    )  # fmt: skip


def _none_found(call: Call) -> UpstreamError:
    """Its upstreams are found by discovery, and none has been."""
    return UpstreamError(
        f"no instance of an upstream of model '{call.model[:100]}' has been found yet",
        status=503, code="no_instance", retry_after=1.0,
    )  # fmt: skip


def _not_offered(exchange: Exchange, who: str) -> CallerError:
    return CallerError(
        f"{who} offers {exchange.call.operation.path}", status=404, code="operation_not_offered", param="model"
    )

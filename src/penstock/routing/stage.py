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
from typing import Any

from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply, collect
from penstock.routing.ask import Ask
from penstock.routing.attempts import Attempts, Step, Tried
from penstock.routing.failure import AT_REST, KINDS, Failure, of_answer, of_fail
from penstock.routing.joint import Joint
from penstock.routing.nobody import nobody, not_offered
from penstock.routing.rescue import Rescue
from penstock.routing.seats import Seat, ill, well
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from penstock.wire.told_dialects import KINDS as TOLD

MOST_ERROR_BYTES = 256 * 1024
ERROR_BODY_SECONDS = 5.0


class Routing:
    """See the module. ``retries``: attempts after the first, a model; ``first_token``: seconds until a stream's first
    event; ``rescue``: finish answers whose upstream broke; ``uniform`` draws the jitter of waits."""

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
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._table = table
        self._targets = targets
        self._retries = retries
        self._first_token = first_token
        self._rescue = rescue
        self._now = now
        self._sleep = sleep
        self._uniform = uniform

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        now = self._now()
        if not call.model and not call.operation.needs_model:
            return self._send(exchange, self._any(exchange), Ask(call, now))
        entry = self._table.find(call.model)
        targets = entry.candidates.able(call, now)
        if not targets:
            return self._without(exchange, entry, now)
        entry.budget.deposit(now)
        return self._serve(exchange, Step(entry, call.model, targets))

    def _without(self, exchange: Exchange, entry: Entry, now: float) -> Awaitable[Reply]:
        """None of the entry's upstreams can serve: a fallback may."""
        call = exchange.call
        attempts = self._attempts(Step(entry, call.model, ()))
        if entry.candidates.having(call):
            step = attempts.fall_back(self._able(exchange), now)
            if step is not None:
                return self._serve(exchange, step, attempts)
        raise nobody(entry, call, now)

    async def _serve(self, exchange: Exchange, step: Step, attempts: Attempts | None = None) -> Reply:
        """Attempt after attempt, until one answers or none is left."""
        call = exchange.call
        while True:
            entry = step.entry
            ask = entry.ask(exchange, step.asked, self._now())
            target = step.choose(ask)
            exchange.model = entry.pattern
            exchange.answered_as = step.asked
            if call.max_tokens is None:
                exchange.output_default = entry.max_tokens
            try:
                reply: Reply | None = await self._send(exchange, target, ask)
                assert reply is not None
                if reply.status < 400 and not reply.events:
                    well(exchange, self._now())
                    return reply
                tried = await self._weigh(exchange, target, reply)
            except Fail as fail:
                tried = Tried(target, None, fail, of_fail(fail))
            failure, reply = tried.failure, tried.reply
            if failure is None:
                assert reply is not None
                if reply.events and self._rescue and isinstance(reply.body, Joint) and reply.body.told is not None:
                    self._guard(exchange, reply.body, step, target, attempts)
                return reply
            self._note(exchange, tried, failure)
            following = None
            if call.operation.body != "opaque" or exchange.body.length == 0:  # a streamed body is gone once sent
                attempts = attempts or self._attempts(step)
                following = await self._following(exchange, attempts, target, failure)
            if following is None:
                if tried.fail is not None:
                    raise tried.fail
                assert reply is not None
                if failure.kind.name == "auth":
                    raise _key_refused(target)
                return reply
            step = following

    def _note(self, exchange: Exchange, tried: Tried, failure: Failure) -> None:
        """An attempt failed, unless there was none: all keys for it were at rest."""
        if tried.fail is None or tried.fail.code != AT_REST:
            ill(exchange, failure, self._now())
            exchange.note_failure(failure.kind.name, tried.target.name)

    async def _following(self, exchange: Exchange, attempts: Attempts, target: Target, failure: Failure) -> Step | None:
        """The next step, after the wait that it asks for; None when there is none."""
        now = self._now()
        able = self._able(exchange)
        step = attempts.after(failure, target, able, exchange.deadline - now, now)
        if step is not None and step.wait:
            await self._sleep(step.wait)
            now = self._now()
            step = step.still(now) or attempts.instead(able, now)
        return step

    def _able(self, exchange: Exchange) -> Callable[[Entry], list[Target]]:
        return lambda entry: entry.candidates.spare(exchange.call, self._now())

    def _attempts(self, step: Step) -> Attempts:
        return Attempts(step.entry, step.asked, self._table.fallbacks(step.entry), self._retries, self._uniform)

    def _guard(self, exchange: Exchange, joint: Joint, step: Step, target: Target, attempts: Attempts | None) -> None:
        """Have the stream finished by another upstream should this one break."""

        def rescue(error: Fail) -> Coroutine[Any, Any, None]:
            made = Rescue(
                exchange, joint, step, target, attempts or self._attempts(step), self._attempt,
                self._able(exchange), self._now, self._sleep,
            )  # fmt: skip
            joint.rescue = made.run
            return made.run(error)

        joint.rescue = rescue

    async def _attempt(self, exchange: Exchange, target: Target, ask: Ask) -> Tried:
        """One attempt. Only a failure that says nothing of attempts (a defect, a cancel) escapes."""
        try:
            tried = await self._weigh(exchange, target, await self._send(exchange, target, ask))
        except Fail as fail:
            tried = Tried(target, None, fail, of_fail(fail))
        if tried.failure is not None:
            ill(exchange, tried.failure, self._now())
        return tried

    async def _weigh(self, exchange: Exchange, target: Target, reply: Reply) -> Tried:
        """What a reply is worth: an error is read whole, a stream must begin."""
        if reply.status >= 400:
            return Tried(target, reply, None, await _read_error(reply, target))
        if reply.events and not isinstance(reply.body, bytes):
            await self._first_frame(exchange, reply)
        well(exchange, self._now())
        return Tried(target, reply)

    def _send(self, exchange: Exchange, target: Target, ask: Ask) -> Awaitable[Reply]:
        keys = target.keys
        if keys.resting > ask.now and (wait := keys.wait(ask.model, ask.now)):
            raise _at_rest(target, wait)
        exchange.upstream_key = keys.take(ask.model, ask.now) if keys.count > 1 else 0
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
        """For operations that name no model (files, batches): the first upstream that has them."""
        for target in self._targets:
            if target.provider.serves(exchange.call):
                return target
        raise not_offered(exchange.call, "no upstream")


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
    return of_answer(reply.status, reply.headers, body) or Failure(KINDS["caller"])


def _key_refused(target: Target) -> UpstreamError:
    """The caller's key was good here: a 401 from behind is about ours, and must not be taken for the caller's."""
    return UpstreamError(
        f"upstream '{target.name}' refused the key that this gateway showed it; 'penstock doctor' says more",
        code="upstream_auth", retryable=False, phase="auth", upstream=target.name,
    )  # fmt: skip


def _at_rest(target: Target, wait: float) -> UpstreamError:
    return UpstreamError(
        f"the keys of upstream '{target.name}' are rate limited",
        status=429, code=AT_REST, retry_after=wait, phase="choose", upstream=target.name,
    )  # fmt: skip

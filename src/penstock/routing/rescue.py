"""Finishing an answer whose upstream broke after part of it was out: another upstream, or the same, goes on from there.

Enters: the error that broke the stream. Leaves: the rest of the answer in the Joint, or one error at its end. Each
upstream is asked in the ways that it is known to take, within the attempts and the deadline of the call. Never raises.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Sequence

from penstock.core.errors import Fail, GatewayError
from penstock.core.exchange import Exchange
from penstock.core.reply import Source
from penstock.routing.ask import Ask
from penstock.routing.attempts import Attempts, Step, Tried
from penstock.routing.continued import Continued
from penstock.routing.failure import KINDS, Failure, of_fail
from penstock.routing.joint import Joint
from penstock.routing.outcomes import failed
from penstock.routing.overlap import Join
from penstock.routing.seating import Seating
from penstock.routing.seats import ill, leave_seat
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from penstock.routing.ways import refuse, ways
from penstock.wire.continuation import Continuation, continuation, several_choices
from penstock.wire.restamp import ending, restamp_of
from penstock.wire.told import Told
from penstock.wire.usage import Usage

log = logging.getLogger("penstock")

REFUSALS = (400, 422, 501)
"""Statuses by which a server says that it does not take a request of this form."""

Attempt = Callable[[Exchange, Target, Ask], Awaitable[Tried]]
"""One attempt: the call of an exchange, at a target, asked for so."""


class Rescue:
    """See the module. One a stream; ``run`` is called each time it breaks. ``step`` and ``target``: who serves it, on
    the fork ``served`` if not on the exchange itself."""

    def __init__(
        self,
        exchange: Exchange,
        joint: Joint,
        step: Step,
        target: Target,
        attempts: Attempts,
        attempt: Attempt,
        able: Callable[[Entry], Sequence[Target]],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        served: Exchange | None = None,
        seating: Seating | None = None,
    ) -> None:
        assert joint.told is not None
        self._exchange = exchange
        self._joint = joint
        self._told: Told = joint.told
        self._step = step
        self._target = target
        self._attempts = attempts
        self._attempt = attempt
        self._able = able
        self._now = now
        self._sleep = sleep
        self._before: Usage | None = None
        self._child = served
        self._seating = seating
        self._counted = 0
        self._way = ""
        self._unfit: set[tuple[str, str]] = set()
        self._story: list[str] = []

    async def run(self, error: Fail) -> None:
        """Finish the answer. ``error`` is what broke it."""
        try:
            await self._run(error)
        except Exception:
            log.exception("the rescue of %s failed", self._exchange.id, extra={"request": self._exchange.id})
            self._joint.fail(GatewayError("Penstock has a defect here; its log says more.", code="internal_error"))

    async def _run(self, error: Fail) -> None:
        exchange, told = self._exchange, self._told
        failure = of_fail(error)
        hindrance = self._hindrance()
        why = "" if self._joint.anew is not None else hindrance
        whole = not hindrance and self._is_whole(self._step)
        if not whole:
            ill(self._child or exchange, failure, self._now())
        self._settle_served()
        if failure.kind.name == "unjoinable":
            self._unfit.add((self._target.name, self._way))
        self._story.append(f"upstream '{self._target.name}' failed ({failure.kind.name}) after {told.tokens} tokens")
        target = self._target
        exchange.note_failure(failure.kind.name, target.name)
        if whole:
            exchange.note_rescue("ended")
            told.ended("length")
            self._joint.conclude(ending(told, "length", self._comment("it was whole")))
            return
        while not why:
            now = self._now()
            step = self._attempts.after(failure, target, self._able, exchange.deadline - now, now)
            if step is not None and step.wait:
                await self._sleep(step.wait)
                exchange.name_wait("retry", self._now() - now)
                now = self._now()
                step = step.still(now) or self._attempts.instead(self._able, now)
            if step is None:
                why = f"no upstream is left to try{self._attempts.note}"
                break
            tried = await self._go_on(step, hindrance)
            if tried.failure is None:
                return
            failure, target = tried.failure, tried.target
            exchange.note_failure(failure.kind.name, target.name)
        exchange.note_rescue("failed")
        error.message = f"{error.message}; the rest of the answer could not be had: {why}"
        self._joint.fail(error)

    def _hindrance(self) -> str:
        """Why no other upstream can go on from where the answer is; "" if one can."""
        if self._told.stuck:
            return self._told.stuck
        if self._told.full:
            return "it is too long to be remembered"
        if several_choices(self._exchange.call.body):
            return "several answers were asked for"
        if self._joint.anew is not None and self._told.open_block == "thinking":
            return "a thought that is cut short cannot be shown again"  # it lacks its signature
        return ""

    def _is_whole(self, step: Step) -> bool:
        """Whether only the end is missing: all tokens that may come are out."""
        plan = continuation(self._exchange.call.operation.name, self._exchange.call.body, "", 0, "restart")
        limit = plan.limit if plan is not None and plan.limit is not None else step.entry.max_tokens
        return limit is not None and self._told.tokens >= limit

    async def _go_on(self, step: Step, hindrance: str) -> Tried:
        """One attempt, in each way that the chosen target may take; with a hindrance there is only to begin anew."""
        exchange, told = self._exchange, self._told
        call = exchange.call
        ask = step.entry.ask(exchange, step.asked, self._now())
        target = step.choose(ask)
        if not target.free and self._seating is not None:
            step.yielded += 1  # it was served before: it goes first
            try:
                target = await self._seating.seat(exchange, step, ask)
            except Fail as fail:
                return failed(target, fail)
        model = ask.model
        text = told.text
        for way in ways(target, call.operation.name, model):
            plan = continuation(call.operation.name, call.body, text, told.tokens, way)
            if plan is None or (target.name, way) in self._unfit or (hindrance and way != "restart"):
                continue
            child = self._fork(plan, step.entry, restart=way == "restart")
            try:
                ask.now = self._now()
                tried = await self._attempt(child, target, ask)
            except BaseException:
                child.finish("error", self._now())
                raise
            exchange.attempts += 1
            reply = tried.reply
            if tried.failure is None and reply is not None and reply.events and not isinstance(reply.body, bytes):
                self._follow(reply.body, child, step, target, way, Join(text, way.partition("_")[0], plan.unsent))
                return tried
            child.finish("error", self._now())
            if tried.failure is None:
                if reply is not None and not isinstance(reply.body, bytes):
                    reply.body.cancel("no stream")
                return Tried(target, None, None, Failure(KINDS["malformed"]))
            if way == "restart" or tried.failure.kind.name != "caller" or reply is None or reply.status not in REFUSALS:
                return tried
            refuse(target, call.operation.name, model, way)
        return Tried(target, None, None, Failure(KINDS["malformed"]))

    def _fork(self, plan: Continuation, entry: Entry, restart: bool) -> Exchange:
        """An exchange that asks for the rest."""
        child = self._exchange.fork("rescue")
        child.call = copy.copy(self._exchange.call)
        child.call.body = plan.body
        if child.call.max_tokens is not None and plan.limit is not None:
            child.call.max_tokens = plan.limit
        elif entry.max_tokens is not None:
            child.output_default = max(1, entry.max_tokens - (0 if restart else self._told.tokens))
        return child

    def _follow(self, source: Source, child: Exchange, step: Step, target: Target, way: str, join: Join) -> None:
        exchange = self._exchange
        assert self._before is not None
        exchange.note_rescue(way)
        exchange.upstream = target.name
        self._step, self._target, self._way, self._child = step, target, way, child
        told = self._told
        trim: Callable[[str], str] = join.feed
        rest: Callable[[], str] = join.finish
        if way == "restart" and self._joint.anew is not None:
            self._joint.anew()
            self._told = self._joint.told = type(told)()
            self._counted = 0
            told, trim, rest = type(told)(), str, str  # nothing was told, nothing is held back
        comment = self._comment(f"'{target.name}' went on ({way})")
        made = restamp_of(told)(told, trim, rest, self._before, comment, len(self._story))
        self._joint.follow(Continued(source, made))

    def _comment(self, how: str) -> bytes:
        return f": penstock rescued this answer: {'; '.join(self._story)}; {how}\n\n".encode()

    def _settle_served(self) -> None:
        """Sum up what the upstream used that has just failed, and leave its seat."""
        exchange, told = self._exchange, self._told
        served = self._child or exchange
        tokens = told.tokens - self._counted
        self._counted = told.tokens
        used = Usage(
            served.tokens_in, served.tokens_out or tokens, served.tokens_cached, served.tokens_reasoning
        )  # fmt: skip
        if self._before is None:
            leave_seat(exchange, self._now())
            self._before = used
            exchange.defer(self._finish)
        else:
            self._before = self._before.plus(used)
        if self._child is not None:
            self._child.finish("error", self._now())
            self._child = None

    def _finish(self, exchange: Exchange) -> None:
        """The call has ended: what all upstreams used is its usage."""
        total = self._before
        assert total is not None
        child, self._child = self._child, None
        if child is not None:
            tokens = child.tokens_out or self._told.tokens - self._counted
            total = total.plus(Usage(child.tokens_in, tokens, child.tokens_cached, child.tokens_reasoning))
            child.finish(exchange.outcome or "ok", self._now())
        exchange.tokens_in = total.prompt_tokens
        exchange.tokens_out = total.completion_tokens
        exchange.tokens_cached = total.cached_tokens
        exchange.tokens_reasoning = total.reasoning_tokens

    def __repr__(self) -> str:
        return f"<Rescue of {self._exchange.id}, {len(self._story)} times>"

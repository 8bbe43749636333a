"""Finishing an answer whose upstream broke after part of it was out: another upstream, or the same, goes on from there.

Enters: the error that broke the stream. Leaves: the rest of the answer in the Joint, or one error at its end. Each
upstream is asked in the ways that it is known to take, within the attempts and the deadline of the call. Where the
error says that its upstream is to end, that one goes on until another has shown that it can. Never raises.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from penstock.core.errors import Fail, defect
from penstock.core.exchange import Exchange
from penstock.core.money import spend
from penstock.core.reply import Source
from penstock.routing.attempts import Attempts, Step, Tried
from penstock.routing.continued import Continued
from penstock.routing.failure import KINDS, LEAVING, Failure, of_fail
from penstock.routing.following import Following
from penstock.routing.joint import Joint
from penstock.routing.moving import CERTAIN, MOST_MOVES, MOVE_SECONDS, Proof
from penstock.routing.outcomes import MOVED, failed
from penstock.routing.overlap import Join
from penstock.routing.race import Attempt
from penstock.routing.seating import Seating
from penstock.routing.seats import Seat, ill, leave_seat
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from penstock.routing.ways import refuse, ways
from penstock.wire.continuation import Continuation, continuation, several_choices
from penstock.wire.counts import Usage
from penstock.wire.restamp import ending, restamp_of
from penstock.wire.told import Told

log = logging.getLogger("penstock")

REFUSALS = (400, 422, 501)
"""Statuses by which a server says that it does not take a request of this form."""


class Rescue:
    """See the module. One a stream; ``run`` is called each time. ``step`` and ``target``: who serves it, on the fork
    ``served`` if not on the exchange itself."""

    def __init__(
        self,
        exchange: Exchange,
        joint: Joint,
        step: Step,
        target: Target,
        attempts: Attempts,
        attempt: Attempt,
        following: Following,
        now: Callable[[], float],
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
        self._following = following
        self._now = now
        self._before: Usage | None = None
        self._child = served
        self._seating = seating
        self._counted = self._moves = 0
        self._way = ""
        self._unfit: set[tuple[str, str]] = set()
        self._story: list[str] = []

    async def run(self, error: Fail) -> None:
        """Finish the answer. ``error`` is what broke it."""
        try:
            await (self._move(error) if error.code == LEAVING else self._run(error))
        except Exception:
            log.exception("the rescue of %s failed", self._exchange.id, extra={"request": self._exchange.id})
            if error.code == LEAVING:
                self._joint.stay()
            else:
                self._joint.fail(defect())

    async def _run(self, error: Fail) -> None:
        exchange, told = self._exchange, self._told
        failure = of_fail(error)
        hindrance = self._hindrance()
        why = "" if self._joint.anew is not None else hindrance
        if not (whole := not hindrance and self._is_whole(self._step)):
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
            step = await self._following.step(self._attempts, failure, target)
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

    async def _move(self, error: Fail) -> None:
        """Have another upstream go on while this one still could. Where none can, this one does."""
        if self._moves < MOST_MOVES and not self._hindrance() and not self._is_whole(self._step):
            step = self._following.at_once(self._attempts, of_fail(error), self._target)
            if step is not None:
                self._moves += 1
                if (await self._go_on(step, "", moving=True)).failure is None:
                    self._moves = 0
                    return
        self._joint.stay()

    def _hindrance(self) -> str:
        """Why no other upstream can go on from where the answer is; "" if one can."""
        if self._told.stuck or self._told.full:
            return self._told.stuck or "it is too long to be remembered"
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

    async def _go_on(self, step: Step, hindrance: str, *, moving: bool = False) -> Tried:
        """One attempt, in each way that the chosen target may take; with a hindrance there is only to begin anew.
        ``moving``: in those that lead on for certain."""
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
            unfit = (target.name, way) in self._unfit or (moving and way not in CERTAIN)
            if plan is None or unfit or (hindrance and way != "restart"):
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
                join = Join(text, way.partition("_")[0], plan.unsent)
                if not moving:
                    self._follow(reply.body, child, step, target, way, join)
                    return tried
                if await self._moved(reply.body, child, step, target, join):
                    return tried
                tried = Tried(target, None, None, Failure(KINDS["unjoinable"]))
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
        child.call = self._exchange.call.twin()
        child.call.body = plan.body
        if child.call.max_tokens is not None and plan.limit is not None:
            child.call.max_tokens = plan.limit
        elif entry.max_tokens is not None:
            child.output_default = max(1, entry.max_tokens - (0 if restart else self._told.tokens))
        return child

    async def _moved(self, source: Source, child: Exchange, step: Step, target: Target, join: Join) -> bool:
        """Whether the rest came from ``target``: then the stream is there now."""
        told = self._told
        story = f"upstream '{self._target.name}' is to end, after {told.tokens} tokens"
        comment = self._comment(f"'{target.name}' went on", story)
        made = restamp_of(told)(told, join.feed, join.finish, self._used(), comment, len(self._story) + 1)
        proof = Proof(Continued(source, made), self._joint.arrived.get_loop())
        try:
            frame = await proof.begun(MOVE_SECONDS)
        except BaseException:
            child.finish("error", self._now())
            raise
        if not frame:
            return False
        self._exchange.note_failure("leaving", self._target.name)
        self._story.append(story)
        self._settle_served()
        self._serves(child, step, target, MOVED)
        self._joint.move(proof, frame)
        return True

    def _serves(self, child: Exchange, step: Step, target: Target, way: str) -> None:
        exchange = self._exchange
        exchange.note_rescue(way)
        exchange.upstream = target.name
        self._step, self._target, self._way, self._child = step, target, way, child
        if isinstance(child.seat, Seat):
            child.seat.holds(self._joint)

    def _follow(self, source: Source, child: Exchange, step: Step, target: Target, way: str, join: Join) -> None:
        assert self._before is not None
        self._serves(child, step, target, way)
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

    def _comment(self, how: str, *more: str) -> bytes:
        return f": penstock rescued this answer: {'; '.join((*self._story, *more))}; {how}\n\n".encode()

    def _settle_served(self) -> None:
        """Sum up what the upstream used that has just failed, and leave its seat."""
        exchange = self._exchange
        served = self._child or exchange
        tokens = served.tokens_out or self._told.tokens - self._counted
        is_first, self._before = self._before is None, self._used()
        self._counted = self._told.tokens
        if is_first:
            leave_seat(exchange, self._now())
            exchange.defer(self._finish)
        spend(exchange, served, tokens)
        if self._child is not None:
            self._child.finish("error", self._now())
            self._child = None

    def _used(self) -> Usage:
        """What all upstreams used so far, the one included that serves it now."""
        served = self._child or self._exchange
        tokens = served.tokens_out or self._told.tokens - self._counted
        used = Usage(served.tokens_in, tokens, served.tokens_cached, served.tokens_reasoning)
        return used if self._before is None else self._before.plus(used)

    def _finish(self, exchange: Exchange) -> None:
        """The call has ended: what all upstreams used is its usage."""
        total = self._before
        assert total is not None
        child, self._child = self._child, None
        if child is not None:
            tokens = child.tokens_out or self._told.tokens - self._counted
            total = total.plus(Usage(child.tokens_in, tokens, child.tokens_cached, child.tokens_reasoning))
            child.finish(exchange.outcome or "ok", self._now())
            spend(exchange, child, tokens)
        exchange.tokens_in = total.prompt_tokens
        exchange.tokens_out = total.completion_tokens
        exchange.tokens_cached = total.cached_tokens
        exchange.tokens_reasoning = total.reasoning_tokens

    def __repr__(self) -> str:
        return f"<Rescue of {self._exchange.id}, {len(self._story)} times>"

"""One attempt at a call, and a second one elsewhere when the first token is late: the first to answer is the answer.

Enters: an exchange, what to ask, whom first. Leaves: what came of it, on a fork of the exchange (``served``) that ends
with it. The other attempt is cancelled at once, its seat given back, its tokens counted. A failure does not show while
another attempt may still answer (``hidden``). Raises only what is a defect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber, Promise
from penstock.routing.ask import Ask
from penstock.routing.attempts import Step, Tried
from penstock.routing.hedge import Hedge, harmless_twice
from penstock.routing.seats import Seat
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

Attempt = Callable[[Exchange, Target, Ask], Awaitable[Tried]]
"""One attempt: the call of an exchange, at a target, asked for so."""


class Lane:
    """One of the attempts. ``tokens`` of its prompt, estimated."""

    __slots__ = ("exchange", "fiber", "running", "target", "tokens")

    def __init__(self, exchange: Exchange, target: Target, tokens: float) -> None:
        self.exchange = exchange
        self.target = target
        self.tokens = tokens
        self.fiber: Fiber | None = None
        self.running = True

    def __repr__(self) -> str:
        return f"<Lane at {self.target.name} {'running' if self.running else 'over'}>"


class Race:
    """See the module. One step of a call; ``hidden`` are failures that another attempt made good or outlived."""

    __slots__ = (
        "_attempt", "_began", "_exchange", "_hedge", "_lanes", "_loop", "_now", "_settled", "_step", "_timer",
        "hidden", "served",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        step: Step,
        hedge: Hedge,
        attempt: Attempt,
        now: Callable[[], float],
        loop: AbstractEventLoop,
    ) -> None:
        self._exchange = exchange
        self._step = step
        self._hedge = hedge
        self._attempt = attempt
        self._now = now
        self._loop = loop
        self._began = now()
        self._lanes: list[Lane] = []
        self._settled: Promise[Tried] = Promise(loop)
        self._timer: TimerHandle | None = None
        self.served: Exchange | None = None
        self.hidden: list[Tried] = []

    async def run(self, target: Target, ask: Ask) -> Tried:
        """Ask ``target``, and another one if its first token is late."""
        exchange = self._exchange
        exchange.upstream = target.name
        exchange.defer(self._over)
        delay = self._hedge.delay(exchange.call)
        if delay is not None and self._began + delay < exchange.deadline:
            self._timer = self._loop.call_later(delay, self._start_second)
        self._start(target, ask)
        try:
            return await self._settled
        except BaseException:
            self._leave()
            raise
        finally:
            exchange.waited += self._now() - self._began

    def adopt(self) -> None:
        """What the attempts used is summed up in the exchange before anything registered so far looks at it."""
        self._exchange.defer(self._over)

    # ---- the attempts

    def _start(self, target: Target, ask: Ask) -> None:
        exchange = self._exchange
        child = exchange.fork("try")
        child.model = exchange.model
        child.output_default = exchange.output_default
        exchange.attempts += 1
        lane = Lane(child, target, ask.tokens)
        self._lanes.append(lane)
        lane.fiber = Fiber(self._loop, self._run(lane, ask))
        lane.fiber.step()

    def _start_second(self) -> None:
        """The first token is late."""
        self._timer = None
        call, entry = self._exchange.call, self._step.entry
        (first,) = self._lanes
        able = entry.candidates.spare(call, self._now())
        others = [
            target for target in self._step.targets if target is not first.target and target.free and target in able
        ]
        if not others or not harmless_twice(call):
            return
        if not self._hedge.spend():
            self._exchange.hedge = ("no_budget", 0.0)
            return
        ask = entry.ask(self._exchange, self._step.asked, self._now())
        ask.session = ""  # it stays where it is: the second only stands in
        self._start(Step(entry, self._step.asked, others).choose(ask), ask)

    async def _run(self, lane: Lane, ask: Ask) -> None:
        try:
            tried = await self._attempt(lane.exchange, lane.target, ask)
        except Exception as defect:
            self._decide(lane, "error")
            self._settled.set_exception(defect)
            return
        failure = tried.failure
        if failure is None:
            is_whole = tried.reply is not None and isinstance(tried.reply.body, bytes)
            self._decide(lane, "ok" if is_whole else None)
        elif failure.kind.elsewhere and any(other.running for other in self._lanes if other is not lane):
            self.hidden.append(tried)
            self._end(lane, "error")
            return
        else:
            self._decide(lane, "error")
        self._settled.set_result(tried)

    # ---- ends

    def _decide(self, lane: Lane, outcome: str | None) -> None:
        """What this attempt came to is the answer. ``outcome`` None: its answer is still flowing."""
        self._stop_timer()
        exchange = self._exchange
        exchange.upstream, exchange.upstream_model = lane.exchange.upstream, lane.exchange.upstream_model
        exchange.answered, exchange.connecting = lane.exchange.answered, lane.exchange.connecting
        self.served = lane.exchange
        if outcome != "error":
            # Of a first attempt that is cancelled it is known that it would have taken longer.
            self._hedge.learn(exchange.call, self._now() - self._began)
        if len(self._lanes) > 1:
            first, second = self._lanes
            loser = first if lane is second else second
            how = "failed" if outcome == "error" or not second.running else "won" if lane is second else "lost"
            exchange.hedge = (how, loser.tokens)
            self._cancel(loser)
        lane.running = False
        if outcome is not None:
            self._end(lane, outcome)

    def _cancel(self, lane: Lane) -> None:
        """Nobody waits for this attempt any more."""
        if not lane.running:
            return
        seat, now = lane.exchange.seat, self._now()
        if isinstance(seat, Seat) and now > seat.stay.began + seat.stay.expected:
            seat.first_token(now)  # at the earliest: an upstream that always loses must not look quick
        self._end(lane, "error")
        if lane.fiber is not None:
            lane.fiber.cancel("lost")

    def _end(self, lane: Lane, outcome: str) -> None:
        """End its fork, which gives back the seat, and count its tokens; once, and not after a rescue did so."""
        lane.running = False
        child, exchange = lane.exchange, self._exchange
        if child.outcome is None:
            child.error = exchange.error  # by which its seat tells of its upstream
            child.finish(outcome, self._now())
            exchange.tokens_in += child.tokens_in
            exchange.tokens_out += child.tokens_out
            exchange.tokens_cached += child.tokens_cached
            exchange.tokens_reasoning += child.tokens_reasoning

    def _leave(self) -> None:
        """The caller is gone, or its time is up."""
        self._stop_timer()
        if len(self._lanes) > 1 and self.served is None:
            self._exchange.hedge = ("left", self._lanes[1].tokens)
        for lane in self._lanes:
            self._cancel(lane)

    def _over(self, exchange: Exchange) -> None:
        """The exchange has ended."""
        self._leave()
        for lane in self._lanes:
            self._end(lane, exchange.outcome or "error")

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def __repr__(self) -> str:
        return f"<Race of {self._exchange.id}, {self._lanes!r}>"

"""One replica of a model server in virtual time: continuous batching, chunked prefill, a KV cache, and waiting lines.

Between two events (a call arrives, its prompt is computed, its answer ends) all goes on at constant rates, so the model
steps from event to event, not from token to token. First come, first served; a call that has no KV room or seat waits,
and those behind it. KV is reserved for prompt and answer together, so that no call is ever thrown out again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush

from penstock.simulate.hardware import Engine
from penstock.simulate.kv import Kv

NEVER = float("inf")
_ROUNDING = 1e-9


class Work:
    """One call at a replica. ``prompt`` and ``output``: tokens; ``blocks``: ids of the prompt's blocks. Told by the
    replica: ``cached`` tokens that it had, ``first`` and ``end`` (moments; 0 until then)."""

    __slots__ = ("blocks", "cached", "cost", "end", "first", "held", "left", "number", "output", "private", "prompt")

    def __init__(self, number: int, prompt: int, output: int, blocks: Sequence[int] = ()) -> None:
        self.number = number
        self.prompt = prompt
        self.output = output
        self.blocks = blocks
        self.cached = 0
        self.cost = 0.0
        self.left = 0.0
        self.first = 0.0
        self.end = 0.0
        self.held: Sequence[int] = ()
        self.private = 0

    def __repr__(self) -> str:
        return f"<Work {self.number}: {self.prompt} tokens, {self.cached} cached, {self.output} out>"


class Replica:
    """See the module. ``speed`` divides all its times. ``version`` counts its changes: an event foreseen under another
    is void. ``computed``: prompt tokens worked on, in tokens at a prompt's beginning."""

    __slots__ = (
        "_ctx", "_decoding", "_level", "_pending", "_rate", "_tau", "at", "computed", "engine", "kv", "next",
        "prefilling", "speed", "version", "waiting",
    )  # fmt: skip

    def __init__(self, engine: Engine, speed: float = 1.0, block: int = 512) -> None:
        self.engine = engine
        self.speed = speed
        self.kv = Kv(engine.kv, block, engine.host)
        self.waiting: deque[Work] = deque()
        self.prefilling: deque[Work] = deque()
        self.at = 0.0
        self.next = NEVER
        self.version = 0
        self.computed = 0.0
        self._decoding: list[tuple[float, int, Work]] = []
        self._level = 0.0  # tokens that a call would have, had it decoded from the beginning on
        self._ctx = 0.0  # tokens of context of those that decode
        self._pending = 0.0  # whole cost of the prompts that are being computed
        self._tau = 0.0  # seconds of a step
        self._rate = 0.0  # prompt tokens a second

    @property
    def running(self) -> int:
        """Calls that have a seat."""
        return len(self._decoding) + len(self.prefilling)

    def set_speed(self, speed: float, now: float) -> None:
        """It is slower or faster from ``now`` on."""
        self._advance(now)
        self.speed = speed
        self._plan()

    def arrive(self, work: Work, now: float) -> None:
        """A call comes in."""
        self._advance(now)
        self.waiting.append(work)
        self._admit()
        self._plan()

    def leave(self, work: Work, now: float) -> None:
        """The caller of a call without a first token has gone."""
        self._advance(now)
        if work in self.prefilling:
            self.prefilling.remove(work)
            self._pending -= work.cost
            self.kv.give(work.held, work.private)
        else:
            self.waiting.remove(work)
        work.end = now
        self._admit()
        self._plan()

    def step(self, now: float) -> list[Work]:
        """The foreseen event has come. Returns the calls that had their first token or their end just now."""
        self._advance(now)
        told: list[Work] = []
        line = self.prefilling
        while line and line[0].left <= _ROUNDING * line[0].cost:
            work = line.popleft()
            self._pending = self._pending - work.cost if line else 0.0
            self._compute(work, now)
            told.append(work)
        decoding = self._decoding
        while decoding and decoding[0][0] <= self._level + 1e-6:
            work = heappop(decoding)[2]
            self._ctx = self._ctx - work.prompt - work.output if decoding else 0.0
            self._finish(work, now)
            told.append(work)
        self._admit()
        self._plan()
        return told

    def _compute(self, work: Work, now: float) -> None:
        """The prompt of ``work`` is computed, which yields its first token."""
        work.first = now
        if work.blocks:
            own = work.blocks[len(work.held) :]
            new = self.kv.share(own)
            if new:
                work.private -= len(new) * self.kv.size
                work.held = [*work.held, *new]
        if work.output > 1:
            heappush(self._decoding, (self._level + work.output - 1, work.number, work))
            self._ctx += work.prompt + 1
        else:
            self._finish(work, now)

    def _finish(self, work: Work, now: float) -> None:
        work.end = now
        self.kv.give(work.held, work.private)

    def _admit(self) -> None:
        """Give seats and room to those that wait, in order."""
        waiting, kv, engine = self.waiting, self.kv, self.engine
        while waiting and len(self._decoding) + len(self.prefilling) < engine.seats:
            work = waiting[0]
            prompt, blocks = work.prompt, work.blocks
            depth = 0
            private = prompt + work.output
            if blocks:
                depth = kv.depth(blocks)
                private = (len(blocks) - depth) * kv.size + work.output
            if not kv.take(blocks, depth, private):
                return
            waiting.popleft()
            work.private = private
            work.held = blocks[:depth]
            work.cached = cached = min(depth * kv.size, prompt - 1)
            # The sum over the new tokens of 1 + position / attention.
            work.cost = work.left = (prompt - cached) * (1.0 + (prompt + cached) / (2.0 * engine.attention))
            self._pending += work.cost
            self.prefilling.append(work)

    def _advance(self, now: float) -> None:
        """Let pass the time since the last event."""
        passed = now - self.at
        self.at = now
        if passed <= 0.0 or not self._tau:
            return
        if self.prefilling:
            done = self._rate * passed
            self.prefilling[0].left -= done
            self.computed += done
        count = len(self._decoding)
        if count:
            tokens = passed / self._tau
            self._level += tokens
            self._ctx += count * tokens

    def _plan(self) -> None:
        """The rates from now on, and when the next event comes."""
        self.version += 1
        engine = self.engine
        decoding = self._decoding
        count = len(decoding)
        tau = engine.step + engine.decode * count + engine.context * self._ctx
        if self.prefilling:
            # Tokens that are decoded come first; they never leave less than a part of the chunk to prompts.
            chunk = max(engine.chunk - count, engine.chunk >> 3)
            if self._pending < chunk:
                chunk = self._pending  # type: ignore[assignment]
            self._tau = tau = (tau + engine.prefill * chunk) / self.speed
            self._rate = chunk / tau
            following = self.prefilling[0].left / self._rate
        elif count:
            self._tau = tau = tau / self.speed
            following = NEVER
        else:
            self._tau = 0.0
            self.next = NEVER
            return
        if count:
            ends = (decoding[0][0] - self._level) * tau
            if ends < following:
                following = ends
        self.next = self.at + (following if following > 0.0 else 0.0)

    def __repr__(self) -> str:
        return (
            f"<Replica {self.engine.name} x {self.speed:g}: {len(self.waiting)} wait, "
            f"{len(self.prefilling)} in prefill, {len(self._decoding)} decode, {self.kv!r}>"
        )

"""What is left of a call that has ended: the one record that all who measure read. Pure.

Enters: a finished exchange. Leaves: a plain tuple in the order of ``Finished``, which is made between calls and so must
be cheap; who reads it later gives it its names by ``Finished._make``. It holds no prompt, no answer and no key.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from penstock.core.exchange import Exchange
from penstock.core.trace import Traced

MOST_NAME_CHARACTERS: Final = 64
STARTING: Final = "start"
"""The name of the wait for a pool's first replica, among the ``waits`` of a call."""
Record = tuple[Any, ...]
FAILED: Final[tuple[str, ...]] = ("gateway", "upstream")
"""Whose faults make a call one that failed: its caller's do not."""


class Finished(NamedTuple):
    """Durations in seconds, money in micro-dollars. ``at``: Unix time of the end. ``key`` is a key's id. ``model`` is
    the configured entry (a bounded set), or what was asked for where there is none. ``first_byte`` counts from the
    start (0: there was none), ``connecting`` is part of ``waited``, ``answering`` is from the start to the head of the
    upstream's answer (0: none was asked). ``cache`` is what the cache said, ``fault`` whose fault an error was,
    ``hedge`` what came of a second attempt. ``waits`` are what rooms made it wait, by name, None for nothing;
    ``money``: how cost and saving came about (``core.money``). ``rooms`` the seconds in each on the way down, then
    ``answer``: of a few calls. ``known``: ``model`` is an entry.
    ``trace``: its place in a trace that is kept."""

    at: float
    id: str
    operation: str
    model: str
    upstream: str
    key: str
    tags: str
    status: int
    outcome: str
    fault: str
    error: str
    stream: bool
    cache: str
    degraded: str
    batch: str
    attempts: int
    rescues: int
    hedge: str
    total: float
    first_byte: float
    answering: float
    connecting: float
    waited: float
    queued: float
    overhead: float
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_reasoning: int
    bytes_in: int
    bytes_out: int
    cost: int
    saved: int
    waits: dict[str, float] | None
    money: dict[str, int] | None = None
    rooms: tuple[tuple[str, float], ...] | None = None
    known: bool = True
    trace: Traced | None = None

    @property
    def prefill(self) -> float | None:
        """About the time in which the model read the prompt: to the first token, less our queue and our share. None
        for what is no stream, or was answered by no upstream."""
        if not self.stream or not self.first_byte or not self.attempts:
            return None
        return max(0.0, self.first_byte - self.queued - self.overhead)

    @property
    def generating(self) -> float:
        """While tokens came: from the first to the last of a stream, else while the upstream was waited for."""
        if self.stream:
            return max(0.0, self.total - self.first_byte) if self.first_byte else 0.0
        return self.waited

    @property
    def token_gap(self) -> float | None:
        """Mean inter-token latency; None where fewer than two tokens came, or at once."""
        tokens = self.tokens_out - 1 if self.stream else self.tokens_out
        if tokens < 1 or not self.attempts or self.generating <= 0:
            return None
        return self.generating / tokens

    @property
    def failed(self) -> bool:
        """It ended with an error that is not its caller's."""
        return self.fault in FAILED


def record(exchange: Exchange, at: float) -> Record:
    """Of a finished exchange, in the order of ``Finished``. Keeps no reference to it."""
    call = exchange.call
    error = exchange.error
    started = exchange.started
    rescues = exchange.rescues
    tags = exchange.tags if exchange.key else ""  # a stranger's would crowd out those of callers
    hedge = exchange.hedge
    return (
        at, exchange.id, call.operation.name, exchange.model or call.model[:MOST_NAME_CHARACTERS], exchange.upstream,
        exchange.key, tags, exchange.status, exchange.outcome, "" if error is None else error.fault,
        "" if error is None else error.code, call.stream, exchange.cache, exchange.degraded, exchange.batch,
        exchange.attempts, 0 if rescues is None else len(rescues), "" if hedge is None else hedge[0],
        exchange.ended - started, exchange.first_byte - started if exchange.first_byte else 0.0,
        exchange.answered - started if exchange.answered else 0.0, exchange.connecting, exchange.waited,
        exchange.queued, exchange.overhead, exchange.tokens_in, exchange.tokens_out, exchange.tokens_cached,
        exchange.tokens_reasoning, exchange.bytes_in, exchange.bytes_out, exchange.cost, exchange.saved, exchange.waits,
        exchange.money,
        None if exchange.rooms is None else waterfall(exchange, exchange.rooms),
        exchange.model != "",
        None if exchange.trace is None else exchange.trace.end(exchange),
    )  # fmt: skip


def waterfall(exchange: Exchange, entered: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """How long a call was in each room before it went on to the next; what followed the head of its answer is
    ``answer``, and what came before the first room ``edge``."""
    last = entered[-1][1] if entered else exchange.started
    answer = next((at for at in (exchange.answered, exchange.first_byte) if at >= last), exchange.ended)
    marks = [("edge", exchange.started), *entered, ("answer", answer), ("", exchange.ended)]
    return tuple((name, max(0.0, then - at)) for (name, at), (_, then) in pairwise(marks))

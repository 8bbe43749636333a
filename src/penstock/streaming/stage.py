"""The streaming room: sees to it that each stream flows to its caller as that caller can, and asked to, take it.

Enters: an exchange. Leaves: the same; the live body of an event stream gets a Gate, and a Flow where events may have to
wait. Never fails by itself; a stream may later end with what flow.py and gate.py say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, Final

from penstock.core.deadlines import Wheel
from penstock.core.exchange import Exchange
from penstock.core.ports import Account, Next
from penstock.core.reply import Reply, Source
from penstock.streaming.config import StreamingConfig
from penstock.streaming.counts import Counts
from penstock.streaming.flow import Flow, Surroundings, Wishes
from penstock.streaming.gate import Gate
from penstock.streaming.pacing import Bucket, SharedBuckets
from penstock.wire.anthropic_messages import PING
from penstock.wire.sse import KEEP_ALIVE, KEEP_ALIVE_NUMBERED

_YES: Final[tuple[bytes, ...]] = (b"true", b"1", b"yes")
_NUMBERED: Final = b"x-penstock-stream"
"""The field of a kept stream, whose events have ids."""


class Streaming:
    """See the module. ``account`` bounds what waits for all slow readers together."""

    needs: ClassVar[frozenset[str]] = frozenset({"peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"flow"})

    def __init__(
        self,
        terms: StreamingConfig,
        account: Account,
        counts: Counts,
        keys: SharedBuckets,
        wheel: Wheel,
        now: Callable[[], float],
    ) -> None:
        self._terms = terms
        self._keys = keys
        self._wheel = wheel
        self._around = Surroundings(account, counts, now, _later)

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        if not exchange.call.stream:
            return next(exchange)
        return self._flow(exchange, next)

    async def _flow(self, exchange: Exchange, next: Next) -> Reply:
        reply = await next(exchange)
        if reply.events and reply.live:
            reply.through(partial(self._gate, exchange, _ping(exchange, reply)))
        return reply

    def _gate(self, exchange: Exchange, ping: bytes, source: Source) -> Source:
        terms = self._terms
        call = exchange.call
        lossy = (call.header(b"x-penstock-lossy") or b"").lower() in _YES
        merges = terms.merge.enabled and self._is_far(exchange)
        buckets = self._buckets(exchange)
        if lossy or merges or buckets or terms.on_slow_reader != "pause":
            wishes = Wishes(call.operation.name, buckets, merges, lossy, exchange.caller)
            source = Flow(source, terms, wishes, self._around)
        return Gate(source, exchange, terms, self._around, self._wheel, ping)

    def _is_far(self, exchange: Exchange) -> bool:
        round_trip = None if exchange.caller is None else exchange.caller.round_trip()
        return round_trip is not None and round_trip >= self._terms.merge.fast_client

    def _buckets(self, exchange: Exchange) -> list[Bucket]:
        pace = self._terms.pace
        now = self._around.now()
        buckets: list[Bucket] = []
        if pace.per_stream:
            buckets.append(Bucket(pace.per_stream, pace.burst, now))
        if pace.per_key:
            key = exchange.key
            buckets.append(self._keys.join(key, pace.per_key, pace.burst, now))
            exchange.defer(lambda exchange: self._keys.leave(key, pace.per_key, pace.burst))
        return buckets


def _ping(exchange: Exchange, reply: Reply) -> bytes:
    """What breaks a silence in the dialect of the call."""
    if exchange.call.operation.dialect == "anthropic":
        return PING
    return KEEP_ALIVE_NUMBERED if any(name == _NUMBERED for name, _ in reply.headers) else KEEP_ALIVE


def _later(seconds: float, fn: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, fn)

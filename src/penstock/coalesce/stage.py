"""The coalesce room: equal calls in flight become one upstream call with many readers, streams included.

Enters: an exchange. Leaves: the reply of its flight, which runs on a fork and outlives whoever began it. A call that
may not share, or finds a bound reached, passes. Fails as the rooms below do, everybody of a flight alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.counts import Counts
from penstock.coalesce.eligible import STREAM, WHOLE, Eligible
from penstock.coalesce.flight import Flight
from penstock.coalesce.readers import Around
from penstock.core.exchange import Exchange
from penstock.core.ports import Account, Next
from penstock.core.reply import Reply
from penstock.wire.asked import DETERMINISTIC

COALESCED: Final = "coalesced"


class Coalesce:
    """See the module. A reload makes another one, whose calls share no flight with those of the old."""

    needs: ClassVar[frozenset[str]] = frozenset({"caller", "peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"flight"})

    def __init__(
        self, config: CoalesceConfig, account: Account, counts: Counts, now: Callable[[], float], secret: bytes
    ) -> None:
        self._config = config
        self._account = account
        self._counts = counts
        self._now = now
        rules = Eligible(config, secret)
        self._key = rules.key
        self._strict = rules.strict
        self._flights: dict[bytes, Flight] = {}
        self._around: Around | None = None

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        call = exchange.call
        if self._strict and call.temperature != 0 and call.operation.name not in DETERMINISTIC:
            return next(exchange)
        key = self._key(exchange)
        return next(exchange) if key is None else self._share(exchange, next, key)

    async def _share(self, exchange: Exchange, next: Next, key: bytes) -> Reply:
        before = exchange.cache
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            if self._counts.flights >= self._config.flights:
                self._counts.alone["flights"] += 1
                return await next(exchange)
            around = self._around or self._surroundings()
            flight = Flight(around, exchange.fork("flight"), next, self._flights, key)
            self._counts.led += 1
        reader = flight.join(exchange)
        if reader is None:
            return await next(exchange)
        if leads:
            flight.begin()
        else:
            exchange.cache = COALESCED
        reply = await reader.answer
        if reply is None:  # it cannot be told the other way: those who ask the same way share one of their own
            exchange.cache = before
            return await self._share(exchange, next, key + (STREAM if exchange.call.stream else WHOLE))
        return reply

    def _surroundings(self) -> Around:
        loop = asyncio.get_running_loop()
        self._around = Around(loop, self._now, self._account, self._counts, self._config)
        return self._around

    def __repr__(self) -> str:
        return f"<Coalesce {len(self._flights)} flights, {self._counts!r}>"

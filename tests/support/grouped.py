"""Grouping rooms without sockets: what is below answers when told."""

import asyncio
from collections.abc import Callable
from typing import Any

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.reply import Reply, Whole
from penstock.grouping.by_likeness import ByLikeness
from penstock.grouping.by_prefix import ByPrefix
from penstock.grouping.config import GroupingConfig
from penstock.grouping.counts import Counts
from penstock.grouping.pace import Pace
from tests.support.fibers import fiber, turns
from tests.support.flights import asking

LONG = "word " * 200


def chat(text: str = "?", *, system: str = LONG, stream: bool = True, priority: int = 1, **more: Any) -> Exchange:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    exchange = asking(messages=messages, stream=stream, **more)
    exchange.priority = priority
    return exchange


class Below:
    """The rooms below. ``came`` are the exchanges in order; each waits until it is answered or failed."""

    def __init__(self) -> None:
        self.came: list[Exchange] = []
        self.upstream = "up"
        self._futures: dict[Exchange, asyncio.Future[Reply]] = {}

    async def __call__(self, exchange: Exchange) -> Reply:
        self.came.append(exchange)
        exchange.upstream = exchange.near or self.upstream
        future = self._futures[exchange] = asyncio.get_running_loop().create_future()
        return await future

    async def answer(self, exchange: Exchange, status: int = 200) -> None:
        """Its first event, or its whole answer."""
        body: Any = Whole(b"data: x\n\n") if exchange.call.stream else b"{}"
        self._futures[exchange].set_result(Reply(status, [], body, events=exchange.call.stream))
        await turns(4)

    async def fail(self, exchange: Exchange) -> None:
        self._futures[exchange].set_exception(UpstreamError("gone"))
        await turns(4)


class Hall:
    """A way to group, with a clock that the test turns."""

    def __init__(
        self, *, slotted: Callable[[str], bool] = lambda _: False, embedder: Any = None, **settings: Any
    ) -> None:
        self.clock = 0.0
        self.counts = Counts()
        self.pace = Pace()
        self.below = Below()
        self.replies: dict[Exchange, Reply] = {}
        self.fails: dict[Exchange, Exception] = {}
        self._fibers: dict[Exchange, Fiber] = {}
        config = GroupingConfig(**({"min_prefix": 512, "max_wait": 60.0} | settings))
        names = iter(f"g{number}" for number in range(1000))
        now, name, loop = (lambda: self.clock), (lambda: next(names)), asyncio.get_running_loop
        self.way: Any = (
            ByPrefix(config, self.counts, now, name, slotted, self.pace, loop)
            if embedder is None
            else ByLikeness(config, self.counts, now, name, embedder, loop)
        )

    def ask(self, exchange: Exchange) -> Exchange:
        """Somebody asks; it goes as far as it can. ``leave`` cancels it."""

        async def run() -> None:
            try:
                self.replies[exchange] = await self.way(exchange, self.below)
            except UpstreamError as fail:
                self.fails[exchange] = fail
                exchange.finish("error", self.clock)

        self._fibers[exchange] = fiber(run())
        return exchange

    async def leave(self, exchange: Exchange) -> None:
        exchange.finish("left", self.clock)
        self._fibers[exchange].cancel()
        await turns(4)

    async def end(self, exchange: Exchange, cached: int = 0) -> None:
        """Its answer has ended."""
        exchange.tokens_in, exchange.tokens_cached = 300, cached
        exchange.finish("ok", self.clock)
        await turns(2)

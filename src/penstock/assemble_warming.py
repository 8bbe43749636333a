"""The composition root's part for warming: the commonest prompts of the journal asked again, so that they are cached.

Enters: how many at most. Leaves: what came of it, as ``penstock warm --from-journal`` would have asked; each in the
name of the key whose prompt it was. Bounded in number, in flight and in time. Needs the slices journal, cache and jobs.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from typing import TYPE_CHECKING, Any

from penstock.core.call import Call, Headers
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.priority import BATCH
from penstock.core.reply import collect
from penstock.routing.config import RoutingConfig
from penstock.wire.operations import OPERATIONS

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.journal.warming import Item

log = logging.getLogger("penstock")

ROWS = 1000
AT_ONCE = 2
PER_PATTERN = 2
MOST_ANSWER_BYTES = 8 * 2**20
CLIENT = "warming"
_NEEDED = ("journal", "cache", "jobs")


class Warming:
    """See the module."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def possible(self) -> bool:
        """Whether the journal keeps prompts, and somebody keeps answers."""
        gateway = self._gateway
        if any(importlib.util.find_spec(f"penstock.{name}") is None for name in _NEEDED):
            return False
        return gateway.diary is not None and gateway.diary.notes.prompt_bytes > 0 and gateway.caching is not None

    async def warm(self, most: int) -> int:
        """Ask up to ``most`` prompts. Returns how many were answered."""
        items = (await self._items())[:most]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(scope: str, item: Item) -> bool:
            async with gate:
                return await self._ask(scope, item)

        done = await asyncio.gather(*(one(scope, item) for scope, item in items))
        log.info("the cache was warmed with %d of %d prompts", sum(done), len(items))
        return sum(done)

    async def _items(self) -> list[tuple[str, Item]]:
        """The commonest prompts of the newest rows, by the scope in which they were asked."""
        from penstock.journal.patterns import Patterns
        from penstock.journal.warming import TAG, items_of_patterns

        answer = await self._gateway.fleet.journal({"last": ROWS, "bodies": "true"})
        patterns = Patterns()
        for row in answer.get("rows", []):
            body = row.get("body")
            if body is None or TAG in str(row.get("tags", "")).split(",") or row.get("cache") == "bypass":
                continue
            patterns.add(_bytes(body), row["operation"], row["asked"], row["scope"])
        return [(pattern.scope, item) for pattern in patterns.commonest(ROWS)
                for item in items_of_patterns([pattern], PER_PATTERN)]  # fmt: skip

    async def _ask(self, scope: str, item: Item) -> bool:
        """One call of our own, through the rooms below the door."""
        gateway = self._gateway
        generation = gateway.edition.generation
        if generation.inner is None:
            return False
        total = gateway.config.of(RoutingConfig).timeouts.total
        exchange = self._exchange(scope, item, total)
        try:
            async with asyncio.timeout(total):
                reply = await generation.inner(exchange)
                exchange.status = reply.status
                body = await collect(reply.body, MOST_ANSWER_BYTES)
            for tap in reply.taps:
                tap(body)
            exchange.finish("ok", gateway.clock.now())
            return reply.status < 400
        except (Fail, TimeoutError, OverflowError) as error:
            log.debug("warming: %s", error)
            exchange.finish("error", gateway.clock.now())
            return False
        finally:
            exchange.finish("left", gateway.clock.now())

    def _exchange(self, scope: str, item: Item, total: float) -> Exchange:
        from penstock.jobs.asking.service import body_of
        from penstock.journal.warming import TAG

        gateway = self._gateway
        now, generation = gateway.clock.now(), gateway.edition.generation
        operation = next(one for one in OPERATIONS if one.name == item.operation)
        headers: Headers = [(b"content-type", b"application/json"), (b"x-penstock-tags", TAG.encode())]
        call = Call(operation, "POST", item.path, b"", headers, CLIENT)
        exchange = Exchange(gateway.endpoint.next_id(), call, now, now + total, body_of(item.body))
        exchange.generation = generation
        generation.enter()
        exchange.defer(lambda _: generation.leave())
        exchange.key = exchange.scope = scope
        exchange.priority = BATCH
        return exchange


def _bytes(body: Any) -> bytes:
    """A body as the journal tells it: raw JSON, or what it was decoded to."""
    import msgspec

    return bytes(body) if isinstance(body, bytes | msgspec.Raw) else msgspec.json.encode(body)

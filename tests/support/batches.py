"""The batching room without sockets: rooms below that the test writes, callers that note what came."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.batching.config import BatchingConfig
from penstock.batching.costs import AllCosts
from penstock.batching.counts import Counts
from penstock.batching.stage import Batching
from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.overload import Overload
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.wire.json import fill
from penstock.wire.merged_call import LIST_OF, Part, part_of
from penstock.wire.operations import OPERATIONS
from tests.support.fibers import until
from tests.support.list_upstream import POISON, refused, told_of
from tests.support.logged import errors_logged

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}
JSON = [(b"content-type", b"application/json")]
LONG = 60.0
"""Seconds that no test waits."""


def asking(
    given: Any = "hi", operation: str = "embeddings", key: str = "key-1", headers: Any = (), **fields: Any
) -> Exchange:
    """An exchange whose body was read and peeked."""
    body: Any = None
    call = Call(BY_NAME[operation], "POST", "/v1" + BY_NAME[operation].path, b"", list(headers), "10.0.0.1")
    whole = {"model": "m", LIST_OF.get(operation, "input"): given, **fields}
    fill(call, msgspec.json.encode({name: value for name, value in whole.items() if value is not ...}))
    one = Exchange("req_" + str(given)[:20], call, 0.0, time.monotonic() + LONG, body)
    one.key = one.scope = key
    return one


def part(given: Any = "hi", operation: str = "embeddings", **fields: Any) -> Part:
    """What a call brings."""
    made = part_of(asking(given, operation, **fields).call)
    assert made is not None
    return made


def answer_to(exchange: Exchange) -> Reply:
    """What ``list_upstream`` answers: errors for what holds ``POISON``."""
    call = exchange.call
    body = json.loads(call.body)
    given = body[LIST_OF[call.operation.name]]
    items = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    if any(POISON in str(item) for item in items):
        return Reply(400, list(JSON), refused(400, f"cannot take {items}").body)
    return Reply(200, list(JSON), json.dumps(told_of(call.operation.name, body, items)).encode())


class Asker:
    """Somebody who asks, and notes what came. It leaves when told, as a connection's end does."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.reply: Reply | None = None
        self.fail: Fail | None = None
        self.fiber: Fiber | None = None

    @property
    def over(self) -> bool:
        return self.exchange.outcome is not None

    @property
    def told(self) -> Any:
        assert self.reply is not None
        assert isinstance(self.reply.body, bytes)
        return json.loads(self.reply.body)

    def leave(self) -> None:
        """Hang up."""
        self.exchange.finish("left", 5.0)
        assert self.fiber is not None
        self.fiber.cancel("gone")


Below = Callable[[Exchange], Reply | Awaitable[Reply]]


class Hall:
    """A room and what lies below it. ``below`` are the exchanges that came there; each waits until it is let go."""

    def __init__(self, script: Below = answer_to, room: int = 100_000_000, **settings: Any) -> None:
        self.account = BoundedAccount("batches", room)
        self.counts = Counts()
        self.costs = AllCosts()
        self.overload = Overload(100)
        self.below: list[Exchange] = []
        self.held: list[asyncio.Future[None]] = []
        self.holds = True
        self.script = script
        self.settings: dict[str, Any] = {"enabled": True, "max_wait": LONG / 10} | settings
        self.stage = self.reload()

    def reload(self, **settings: Any) -> Batching:
        config = BatchingConfig(**(self.settings | settings))
        self.stage = Batching(config, self.account, self.counts, self.costs, self.overload, time.monotonic)
        return self.stage

    async def next(self, exchange: Exchange) -> Reply:
        self.below.append(exchange)
        exchange.upstream, exchange.model = "up", "m"
        exchange.attempts += 1
        if self.holds:
            future = asyncio.get_running_loop().create_future()
            self.held.append(future)
            await future
        reply = self.script(exchange)
        return reply if isinstance(reply, Reply) else await reply

    def let_go(self, *, holds: bool = False) -> None:
        """Answer what is held; what comes later is held, too, if it ``holds``."""
        self.holds = holds
        held, self.held = self.held, []
        for future in held:
            if not future.done():
                future.set_result(None)

    def ask(self, given: Any = "hi", operation: str = "embeddings", **fields: Any) -> Asker:
        """Somebody asks; what can be answered at once is."""
        return self.send(given if isinstance(given, Exchange) else asking(given, operation, **fields))

    def send(self, exchange: Exchange) -> Asker:
        """The same, with an exchange."""
        asker = Asker(exchange)

        async def run() -> None:
            try:
                asker.reply = await self.stage(exchange, self.next)
            except Fail as fail:
                asker.fail = exchange.error = fail
                exchange.finish("error", 8.0)
            except asyncio.CancelledError:
                return
            else:
                exchange.finish("ok", 8.0)

        fiber = asker.fiber = Fiber(asyncio.get_running_loop(), run())
        fiber.step()
        return asker

    async def gather(self, *askers: Asker) -> None:
        """All are answered."""
        await until(lambda: all(asker.over for asker in askers))

    def check_empty(self) -> None:
        """Nothing is left of any batch."""
        assert self.account.held == 0
        assert self.counts.waiting == 0
        assert all(window.idle for window in self.stage._windows.values())
        assert all(not costs.in_flight and not costs.waiting for costs in self.costs._known.values())
        assert all(exchange.outcome is not None for exchange in self.below)


def in_hall(
    act: Callable[[Hall], Awaitable[None]], script: Below = answer_to, *, defects: int = 0, **settings: Any
) -> Hall:
    """``await act(hall)``, after which nothing may be left, and nothing more than ``defects`` may have been logged."""

    async def main() -> Hall:
        hall = Hall(script, **settings)
        await act(hall)
        for _ in range(10):
            await asyncio.sleep(0)
        hall.check_empty()
        return hall

    with errors_logged(defects):
        return asyncio.run(main())

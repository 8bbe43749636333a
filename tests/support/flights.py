"""Flights without sockets: rooms below that the test writes, callers that note what came."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.counts import Counts
from penstock.coalesce.stage import Coalesce
from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS
from tests.support.fibers import turns
from tests.support.logged import errors_logged

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "hi"}]},
    "completions": {"model": "m", "temperature": 0, "prompt": "hi"},
    "messages": {"model": "m", "temperature": 0, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"model": "m", "temperature": 0, "store": False, "input": "hi"},
    "embeddings": {"model": "m", "input": "hi"},
}
EVENTS = [(b"content-type", b"text/event-stream")]
JSON = [(b"content-type", b"application/json")]


def asking(operation: str = "chat", key: str = "key-1", headers: Any = (), **fields: Any) -> Exchange:
    """An exchange whose body was read and peeked."""
    body: Any = None
    call = Call(BY_NAME[operation], "POST", "/v1" + BY_NAME[operation].path, b"", list(headers), "10.0.0.1")
    fill(call, msgspec.json.encode(BODIES[operation] | fields))
    one = Exchange("req_" + key, call, 0.0, 60.0, body)
    one.key = one.scope = key
    return one


class Caller:
    """Somebody who asks, and notes what came. It leaves when told, as a connection's end does."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.reply: Reply | None = None
        self.fail: Fail | None = None
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []
        self.full = False
        self.fiber: Fiber | None = None

    def push(self, frame: bytes) -> None:
        assert frame
        assert not self.ends
        assert not self.full, "it was given a frame while it was full"
        self.frames.append(frame)

    def end(self, error: Fail | None) -> None:
        assert not self.ends
        self.ends.append(error)
        self.exchange.error = error
        self.exchange.finish("ok" if error is None else "error", 9.0)

    @property
    def got(self) -> bytes:
        if self.reply is not None and isinstance(self.reply.body, bytes):
            return self.reply.body
        return b"".join(self.frames)

    @property
    def cached(self) -> str:
        return self.exchange.cache

    def pause(self) -> None:
        self.full = True
        assert self.reply is not None
        assert not isinstance(self.reply.body, bytes)
        self.reply.body.pause()

    def resume(self) -> None:
        self.full = False
        assert self.reply is not None
        assert not isinstance(self.reply.body, bytes)
        self.reply.body.resume()

    def leave(self) -> None:
        """Hang up."""
        self.exchange.finish("left", 5.0)
        assert self.fiber is not None
        self.fiber.cancel("gone")
        if self.reply is not None and not isinstance(self.reply.body, bytes):
            self.reply.body.cancel("gone")


Below = Callable[[Exchange], Reply | Awaitable[Reply]]


class Hall:
    """A room and what lies below it. ``below`` are the exchanges that came there."""

    def __init__(self, script: Below, room: int = 100_000_000, **settings: Any) -> None:
        self.account = BoundedAccount("buffers", room)
        self.counts = Counts()
        self.clock = 1.0
        self.below: list[Exchange] = []
        self.script = script
        self.config = CoalesceConfig(**settings)
        self.stage = self.reload()

    def reload(self) -> Coalesce:
        self.stage = Coalesce(self.config, self.account, self.counts, lambda: self.clock, b"secret")
        return self.stage

    async def next(self, exchange: Exchange) -> Reply:
        self.below.append(exchange)
        exchange.upstream, exchange.attempts, exchange.model = "up", 1, "m"
        reply = self.script(exchange)
        return reply if isinstance(reply, Reply) else await reply

    def ask(self, exchange: Exchange | None = None, *, full: bool = False, **fields: Any) -> Caller:
        """Somebody asks; what can be answered at once is."""
        caller = Caller(exchange or asking(**fields))
        caller.full = full

        async def run() -> None:
            try:
                reply = caller.reply = await self.stage(caller.exchange, self.next)
            except Fail as fail:
                caller.fail = fail
                caller.exchange.finish("error", 8.0)
                return
            except asyncio.CancelledError:
                return
            if isinstance(reply.body, bytes):
                caller.exchange.finish("ok", 8.0)
            else:
                if full:
                    reply.body.pause()
                reply.body.start(caller)

        fiber = caller.fiber = Fiber(asyncio.get_running_loop(), run())
        fiber.step()
        return caller

    async def settled(self) -> None:
        """Let what waits for its turn have it."""
        await turns(30)

    def check_empty(self) -> None:
        """Nothing is left of any flight."""
        assert (self.counts.flights, self.counts.readers, self.counts.kept) == (0, 0, 0)
        assert self.account.held == 0
        assert not self.stage._flights
        assert all(exchange.outcome is not None for exchange in self.below)


def in_hall(act: Callable[[Hall], Awaitable[None]], script: Below, *, defects: int = 0, **settings: Any) -> Hall:
    """``await act(hall)``, after which nothing may be left, and nothing more than ``defects`` may have been logged."""

    async def main() -> Hall:
        hall = Hall(script, **settings)
        await act(hall)
        await hall.settled()
        hall.check_empty()
        return hall

    with errors_logged(defects):
        return asyncio.run(main())

"""The real server and endpoint on a real socket, with a pipeline that the test wrote.

async with scripted(lambda exchange: Reply(200, [], b"hello")) as door:
    answer = await door.ask("POST", "/v1/chat/completions", body={})
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from penstock.core.clock import RealClock
from penstock.core.deadlines import Wheel
from penstock.core.errors import CallerError, Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply, Sink
from penstock.core.tasks import Crew
from penstock.edge.endpoint import Endpoint
from penstock.edge.generation import Generation
from penstock.edge.ids import Ids
from penstock.net.server import Limits, Server, bind
from tests.support.sockets import Answer, Fields, ask, raw

Script = Callable[[Exchange], Reply | Awaitable[Reply]]
TICK = 0.005


@dataclass
class Door:
    """``seen`` are the exchanges in the order in which they came; ``ended`` those that finished."""

    port: int
    endpoint: Endpoint
    server: Server
    seen: list[Exchange] = field(default_factory=list)
    ended: list[Exchange] = field(default_factory=list)

    async def ask(
        self, method: str, target: str, headers: Fields = (), body: bytes | dict[str, Any] = b"", within: float = 20.0
    ) -> Answer:
        return await ask(self.port, method, target, headers, body, within)

    async def raw(self, data: bytes) -> bytes:
        return await raw(self.port, data)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds. TimeoutError after 20 s."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def scripted(script: Script, limits: Limits | None = None, **generation: Any) -> AsyncIterator[Door]:
    """``script`` answers every call of an API path; ``generation`` are fields of the Generation."""
    clock = RealClock()
    wheel = Wheel(TICK, clock.now())

    async def run(exchange: Exchange) -> Reply:
        door.seen.append(exchange)
        exchange.defer(door.ended.append)
        reply = script(exchange)
        return await reply if inspect.isawaitable(reply) else reply

    made = Generation(**{"run": run, "number": 1, "total_timeout": 60.0, "authorize": no_key, **generation})
    endpoint = Endpoint(made, Ids(3, "t"), clock.now, clock.wall)
    server = Server(endpoint, limits or Limits(), wheel, clock.now)
    listener = bind("127.0.0.1", 0)
    await server.listen(listener, None)
    door = Door(listener.getsockname()[1], endpoint, server)
    crew = Crew("door")

    async def turn() -> None:
        while True:
            await asyncio.sleep(TICK)
            wheel.turn(clock.now())

    crew.spawn(turn(), "wheel")
    try:
        yield door
    finally:
        server.stop_accepting()
        server.abort_all()
        await crew.aclose()
        listener.close()


def no_key(headers: object, right: str) -> str:
    """Local routes want a key that nobody has, but for the public ones."""
    raise CallerError("no key", status=401, code="invalid_api_key")


class Puppet:
    """A live body that does what the test says: ``push``, ``end``. It notes what is asked of it."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.sink: Sink | None = None
        self.first = list(frames)
        self.calls: list[str] = []

    def start(self, sink: Sink) -> None:
        self.calls.append("start")
        self.sink = sink
        for frame in self.first:
            sink.push(frame)

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def cancel(self, reason: str) -> None:
        self.calls.append("cancel")
        self.sink = None

    def push(self, frame: bytes) -> None:
        assert self.sink is not None
        self.sink.push(frame)

    def end(self, error: Fail | None = None) -> None:
        assert self.sink is not None
        self.sink.end(error)

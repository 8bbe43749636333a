"""A server whose sockets say each message back, and one caller of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from penstock.core.errors import Fail
from penstock.memory.ledger import BoundedAccount
from penstock.net.handshake import accepted, check_handshake
from penstock.net.server import Limits
from penstock.net.turn import Turn
from penstock.net.websocket import SocketLimits, WebSocket
from penstock.process.loop import run
from tests.support.door import hello
from tests.support.scripted import Door, scripted
from tests.support.socket_caller import SocketCaller, dial

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0


class Echo:
    """Says each message back."""

    socket: WebSocket

    def __init__(self) -> None:
        self.busy = False
        self.calls: list[str] = []

    def take(self, message: bytes) -> None:
        self.calls.append("take")
        self.socket.send(message)

    def hold(self) -> None:
        self.calls.append("hold")

    def release(self) -> None:
        self.calls.append("release")

    def lost(self) -> None:
        self.calls.append("lost")

    def end_with(self, fail: Fail) -> None:
        self.calls.append(f"end {fail.status}")


class Bench:
    """A door that opens sockets, and one caller of it."""

    def __init__(self, door: Door, limits: SocketLimits, room: BoundedAccount) -> None:
        self.door = door
        self.limits = limits
        self.room = room
        self.talk = Echo()
        door.endpoint.open_socket = self.open

    def open(self, turn: Turn, client: str) -> None:
        key = check_handshake(turn.head)
        self.talk.socket = WebSocket(self.door.server, self.limits, self.room, self.talk)
        turn.connection.write(accepted(key, b"", b""))
        turn.connection.hand_over(self.talk.socket)

    async def dial(self, behind: bytes = b"") -> SocketCaller:
        return await dial(self.door.port, behind=behind)

    def is_clean(self) -> bool:
        return self.door.server.open == 0 and self.door.server.busy == 0 and self.room.held == 0


@contextlib.asynccontextmanager
async def bench(limits: Limits | None = None, room: int = 10_000_000, **settings: Any) -> AsyncIterator[Bench]:
    known = {"max_message": 100_000, "ping": 60.0, "idle": 600.0, **settings}
    async with scripted(hello, limits) as door:
        yield Bench(door, SocketLimits(**known), BoundedAccount("room", room))


def with_caller(act: Any, **settings: Any) -> None:
    """``await act(caller, bench)``; afterwards nothing is left behind, whoever ended it."""

    async def main() -> None:
        async with bench(**settings) as made:
            caller = await made.dial()
            try:
                await act(caller, made)
            finally:
                caller.leave()
            await made.door.until(made.is_clean)
            assert made.talk.calls.count("lost") == 1

    run(main())


def answers(sent: bytes, *expected: tuple[int, bytes]) -> None:
    """``sent`` gets these frames."""

    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(sent)
        for one in expected:
            assert await caller.frame() == one

    with_caller(act)


def refused(sent: bytes, code: int, **settings: Any) -> None:
    """``sent`` is the end of the socket, by ``code``, and no message of it is taken."""

    async def act(caller: SocketCaller, made: Bench) -> None:
        caller.send(sent)
        assert await caller.closed() == code
        assert "take" not in made.talk.calls

    with_caller(act, **settings)

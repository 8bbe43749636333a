"""A raw upstream in the test's own loop: each connection is served by a script that reads and writes as it likes."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from penstock.core.clock import RealClock
from penstock.core.deadlines import Wheel
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Reach

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"POST /v1/x HTTP/1.1\r\nhost: up\r\ncontent-length: 2\r\n\r\n"
CHUNKED_HEAD = b"POST /v1/x HTTP/1.1\r\nhost: up\r\ntransfer-encoding: chunked\r\n\r\n"


class Line:
    """One connection as the upstream sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: "Upstream") -> None:
        self.reader = reader
        self.writer = writer
        self.upstream = upstream

    async def request(self) -> bytes:
        """The next request, its body by Content-Length or whole chunks. Counted. IncompleteReadError at the end."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length:
            head += await self.reader.readexactly(int(length[1]))
        elif b"chunked" in head:
            head += await self.reader.readuntil(b"\r\n0\r\n\r\n")
        self.upstream.requests.append(head)
        return head

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        self.writer.transport.abort()

    async def hang_up_seen(self) -> None:
        """Wait until the other side closes."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.upstream.left.set()


Script = Callable[[Line], Awaitable[None]]


class Upstream:
    """``requests`` that came whole, ``connections`` ever made; ``left`` is set when a caller hung up."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self.lines: list[Line] = []
        self.left = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = Line(reader, writer, self)
        self.lines.append(line)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._script(line)
        writer.close()


@contextlib.asynccontextmanager
async def scripted(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """An upstream on a free port."""
    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, host, 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for line in upstream.lines:
            line.reset()


@contextlib.asynccontextmanager
async def origin_of(reach: Reach, names: Names | None = None) -> AsyncIterator[Origin]:
    """A client of ``reach`` whose deadlines are driven."""
    clock = RealClock()
    wheel = Wheel(0.01, clock.now())
    origin = Origin("up", reach, wheel=wheel, names=names or Names(clock.now), now=clock.now)

    async def turn() -> None:
        while True:
            await asyncio.sleep(0.01)
            wheel.turn(clock.now())

    turning = asyncio.ensure_future(turn())
    try:
        yield origin
    finally:
        origin.close()
        for connection in list(origin._open):
            connection.abort()
        turning.cancel()
        await asyncio.sleep(0.01)


async def echo_ok(line: Line) -> None:
    """Answers every request."""
    while True:
        await line.request()
        line.send(OK)

"""A caller whose every byte and pause is the test's: a connection with small buffers, and answers as they came."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.support.gateway import Answer, parse_answers


async def settled(condition: Callable[[], bool], within: float = 20.0) -> None:
    """Wait until ``condition`` holds; TimeoutError if it does not ``within`` seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


class Caller:
    """``got`` is all that arrived so far."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.got = bytearray()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def more(self, size: int = 65536) -> bytes:
        """The next bytes; empty at the end, however it came."""
        try:
            data = await self._reader.read(size)
        except ConnectionError:
            return b""
        self.got += data
        return data

    async def until(self, wanted: bytes, within: float = 20.0) -> None:
        """Read until ``wanted`` has come."""
        async with asyncio.timeout(within):
            while wanted not in self.got:
                assert await self.more(), self.got[-500:]

    async def closed(self, within: float = 20.0) -> list[Answer]:
        """Read until the server closes; the answers that came."""
        async with asyncio.timeout(within):
            while await self.more():
                pass
        return parse_answers(bytes(self.got))


@contextlib.asynccontextmanager
async def calling(port: int, *, receive_buffer: int = 0, **options: Any) -> AsyncIterator[Caller]:
    """A connection to 127.0.0.1. With ``receive_buffer`` neither kernel nor reader takes in much more than that."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=receive_buffer or 65536, **options)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

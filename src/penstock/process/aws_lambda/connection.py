"""One HTTP/1.1 request at a time over one connection of this machine, streaming both ways.

Enters: a request, its body in pieces. Leaves: the answer's head, then its body in pieces. May fail: OSError, and
h11.LocalProtocolError for what would not be HTTP. It talks only to the runtime's own API and to the gateway in this
process; on the way to upstreams the gateway has its own, faster client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import h11

from penstock.process.aws_lambda.events import Fields

READ_BYTES = 64 * 1024
LARGEST_HEAD = 256 * 1024


class Connection:
    """See the module. Made by ``open``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect. Raises OSError."""
        return cls(*await asyncio.open_connection(host, port, limit=READ_BYTES))

    async def ask(
        self, method: str, target: str, host: str, fields: Iterable[tuple[str, str]], body: bytes = b""
    ) -> None:
        """Send a whole request. Raises h11.LocalProtocolError for one that would not be HTTP."""
        head = [("host", host), ("content-length", str(len(body))), *fields]
        await self._send(h11.Request(method=method, target=target, headers=_raw(head)))
        if body:
            await self.push(body)
        await self.end()

    async def begin(self, target: str, host: str, fields: Iterable[tuple[str, str]]) -> None:
        """Send the head of a POST whose body follows by ``push``, and ends with ``end``."""
        head = [("host", host), ("transfer-encoding", "chunked"), *fields]
        await self._send(h11.Request(method="POST", target=target, headers=_raw(head)))

    async def push(self, data: bytes) -> None:
        """Send a piece, and wait until the peer takes it."""
        await self._send(h11.Data(data=data))

    async def end(self, trailers: Iterable[tuple[str, str]] = ()) -> None:
        """The request is whole."""
        await self._send(h11.EndOfMessage(headers=_raw(trailers)))

    async def _send(self, event: h11.Event) -> None:
        data = self._state.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def head(self) -> tuple[int, Fields]:
        """Status and fields of the answer."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event.status_code, [(name.decode("latin-1"), value.decode("latin-1"))
                                           for name, value in event.headers]  # fmt: skip
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionResetError("the peer broke off before it answered")

    async def piece(self) -> bytes:
        """The next piece of the answer's body; nothing at its end, and then the connection may be asked again."""
        event = await self._next()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError("the peer broke off in the middle of its answer")
        return b""

    async def body(self) -> bytes:
        """All of it."""
        pieces = []
        while data := await self.piece():
            pieces.append(data)
        return b"".join(pieces)

    async def _next(self) -> object:
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                self._state.receive_data(await self._reader.read(READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError(f"the peer broke off: {error}") from None
        return event

    def again(self) -> bool:
        """Whether another request may be sent."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        return True

    def close(self) -> None:
        """Let go."""
        self._writer.close()

    def __repr__(self) -> str:
        return f"<Connection {self._state.our_state} {self._state.their_state}>"


def _raw(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]

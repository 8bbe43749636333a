"""The caller's side of a WebSocket by hand: what is sent is exactly what the test says."""

import asyncio
import json
import struct
from typing import Any

from tests.support.sockets import Fields, request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]
MASK = b"\x37\xfa\x21\x3d"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame, as RFC 6455 section 5.2 draws it."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def text(value: str | dict[str, Any]) -> bytes:
    return frame(1, (value if isinstance(value, str) else json.dumps(value)).encode())


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(8, struct.pack("!H", code) + reason)


class SocketCaller:
    """One socket. ``head`` is the answer to the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def frame(self, within: float = 20.0) -> tuple[int, bytes]:
        """The next frame: opcode and payload. The server's are whole and unmasked."""
        async with asyncio.timeout(within):
            first, second = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, "fragmented, or a reserved bit"
            assert not second & 0x80, "masked"
            size = second
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def message(self) -> Any:
        opcode, payload = await self.frame()
        assert opcode == 1, (opcode, payload)
        return json.loads(payload)

    async def messages(self, last: tuple[str, ...] = ("end", "answer", "error", "cancelled")) -> list[Any]:
        """Up to one whose type is among ``last``."""
        got = [await self.message()]
        while got[-1]["type"] not in last:
            got.append(await self.message())
        return got

    async def closed(self) -> int:
        """The code of the closing frame that comes next, after which the server closes."""
        opcode, payload = await self.frame()
        assert opcode == 8, (opcode, payload)
        self.send(frame(8, payload[:2]))
        async with asyncio.timeout(20):
            assert await self.reader.read() == b""
        return int.from_bytes(payload[:2])

    def leave(self) -> None:
        self.writer.transport.abort()


async def dial(port: int, fields: Fields = (), path: str = "/v1/stream", behind: bytes = b"") -> SocketCaller:
    """A socket, its handshake answered. ``behind`` is sent with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET", path, [*HANDSHAKE, *fields], keep=True) + behind)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
    return SocketCaller(reader, writer, head)

"""A model server that can be killed, hung, slowed and healed while it serves.

Enters: chats on a port of 127.0.0.1, streamed or whole; a last message of the assistant is continued. Leaves: the
words ``TEXT``, one each ``PACE_SECONDS``; ``GET /health`` answers 200. Killed, its connections are reset and its port
refuses; hung, it takes what comes and says nothing, on running streams too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

WORDS = [f"w{number} " for number in range(1, 13)]
TEXT = "".join(WORDS)
PACE_SECONDS = 0.01
SLOW = 20
"""Times the pace, and the time to the first word."""

_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Failing:
    """See the module."""

    def __init__(self) -> None:
        self.port = 0
        self.pace = PACE_SECONDS
        self._awake = asyncio.Event()
        self._awake.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Be gone at once."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._open):
            writer.transport.abort()

    def hang(self) -> None:
        """Say nothing more, to anybody."""
        self._awake.clear()

    def slow(self) -> None:
        """Be a small part of oneself."""
        self.pace = PACE_SECONDS * SLOW

    async def heal(self) -> None:
        """Be well again, whatever it was."""
        self.pace = PACE_SECONDS
        self._awake.set()
        if self._server is None:
            await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        # RuntimeError is what uvloop says of a connection that was aborted meanwhile.
        with contextlib.suppress(OSError, RuntimeError, asyncio.IncompleteReadError):
            while head := await _head(reader):
                body = await reader.readexactly(_length(head))
                await self._awake.wait()
                if head.startswith(b"GET"):
                    writer.write(_whole(b"{}"))
                else:
                    await self._answer(writer, json.loads(body))
                await writer.drain()
                if b" HTTP/1.0\r\n" in head:
                    break
        self._open.discard(writer)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        last = asked["messages"][-1]
        said = last["content"] if last["role"] == "assistant" else ""
        words = WORDS[len(said.split()) :]
        await self._pause()
        if not asked.get("stream"):
            for _ in words:
                await self._pause()
            message = {"role": "assistant", "content": "".join(words)}
            writer.write(_whole(json.dumps(_answer("message", message, "stop")).encode()))
            return
        writer.write(_STREAM_HEAD)
        for word in words:
            writer.write(_event(_answer("delta", {"content": word}, None)))
            await self._pause()
        writer.write(_event(_answer("delta", {}, "stop")) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    async def _pause(self) -> None:
        await asyncio.sleep(self.pace)
        await self._awake.wait()

    def __repr__(self) -> str:
        return f"<Failing {self.port} {'' if self._server else 'dead '}{'' if self._awake.is_set() else 'hung '}>"


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def _answer(key: str, value: dict[str, str], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, key: value, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _event(value: dict[str, Any]) -> bytes:
    data = b"data: %b\n\n" % json.dumps(value).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

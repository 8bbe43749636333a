"""Shorthand for tests of what the edge does with a reply."""

import asyncio
from typing import Any

from penstock.net.server import Limits
from penstock.process.loop import run
from tests.support.scripted import Door, Script, scripted
from tests.support.sockets import request

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
EVENTS = [(b"content-type", b"text/event-stream")]


def serve(script: Script, act: Any, limits: Limits | None = None, **generation: Any) -> Any:
    """``await act(door)`` at a door behind which ``script`` answers."""

    async def main() -> Any:
        async with scripted(script, limits, **generation) as door:
            return await act(door)

    return run(main())


async def connect(door: Door, target: str = CHAT, version: str = "1.1") -> tuple[asyncio.StreamReader, Any]:
    """A connection on which a request has been sent, and nothing read yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    data = request("POST", target, body=b"{}", keep=True)
    writer.write(data.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))
    return reader, writer

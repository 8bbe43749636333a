"""A mock of an embedding server with an accelerator's cost: 20 ms a call and 0.5 ms an item, one call after another.

Enters: POST /v1/embeddings with whole numbers as texts. Leaves: vectors that begin with that number. ``serve`` listens
until the process ends; with ``side_by_side`` there is room for any number of calls at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from typing import cast

FIXED_SECONDS = 0.02
ITEM_SECONDS = 0.0005
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
VECTOR = [round(0.001 * position, 3) for position in range(64)]
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class Device:
    """What computes. ``until``: when it will have done what it was given."""

    def __init__(self, side_by_side: bool) -> None:
        self.until = 0.0
        self._side_by_side = side_by_side

    def done_at(self, now: float, items: int) -> float:
        """When a call of so many items that comes now will be done."""
        begins = now if self._side_by_side else max(now, self.until)
        self.until = begins + FIXED_SECONDS + ITEM_SECONDS * items
        return self.until


class Upstream(asyncio.Protocol):
    """One connection of the upstream."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not blank or (length is not None and len(body) < int(length[1])):
            return
        self._got = b""
        loop = asyncio.get_running_loop()
        if head.startswith(b"GET"):
            self._transport.write(_HEAD % (2, b"{}"))
            return
        given = json.loads(body)["input"]
        texts = given if isinstance(given, list) else [given]
        loop.call_at(self._device.done_at(loop.time(), len(texts)), self._answer, texts)

    def _answer(self, texts: list[str]) -> None:
        data = [
            {"object": "embedding", "index": at, "embedding": [float(text), *VECTOR]} for at, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        told = json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
        self._transport.write(_HEAD % (len(told), told))


async def serve(port: int, side_by_side: bool) -> None:
    """Listen until the process ends."""
    device = Device(side_by_side)
    listener = socket.create_server(("127.0.0.1", port))
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(device), sock=listener)
    await server.serve_forever()

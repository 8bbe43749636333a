"""A gateway between a caller and an upstream that both speak WebSocket by hand; of it must be left: nothing."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

from penstock.process.loop import run
from tests.net.upstream import Line, Script, Upstream, scripted
from tests.support.gateway import Answer, Running, ask, running_gateway
from tests.support.socket_caller import HANDSHAKE, SocketCaller, dial, frame
from tests.support.sockets import Fields

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
PATH = "/v1/realtime?model=m"
CONFIG = """
upstreams:
  up: {{kind: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: sk-up}}
  echo: {{kind: echo}}
models:
  m: {{upstreams: [up], upstream_model: org/big}}
  e: {{upstreams: [echo]}}
retries: {{max: 0}}
"""
OPEN = CONFIG + "auth: {{mode: open}}\n"


ASKED = [(name, "Upgrade, close" if name == "Connection" else value) for name, value in HANDSHAKE]
"""A handshake whose refusal ends the connection."""


async def refusal(gateway: Running, path: str = PATH, fields: Fields = ASKED, method: str = "GET") -> Answer:
    return await ask(gateway.port, method, path, fields)


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


def close(code: int, reason: bytes = b"") -> tuple[int, bytes]:
    """A closing frame as it is read."""
    return CLOSE, code.to_bytes(2) + reason


def accept(head: bytes, *fields: bytes) -> bytes:
    """The 101 that ``head`` deserves."""
    key = re.search(rb"sec-websocket-key: (\S+)\r\n", head, re.IGNORECASE)
    assert key, head
    proof = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + proof, *fields, b"", b""])


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """As a whole number at once: blocks of bytes are many here."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


class Far:
    """The upstream's end of one session."""

    def __init__(self, line: Line, head: bytes) -> None:
        self.line = line
        self.head = head

    def send(self, *data: bytes) -> None:
        for part in data:
            self.line.send(part)

    def say(self, text: bytes) -> None:
        self.send(frame(TEXT, text, masked=False))

    async def frame(self, within: float = 20.0) -> tuple[int, bytes]:
        """The next frame: opcode and payload, unmasked. All that a client sends must be masked."""
        async with asyncio.timeout(within):
            reader = self.line.reader
            first, second = await reader.readexactly(2)
            assert second & 0x80, "not masked"
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
            mask = await reader.readexactly(4)
            payload = await reader.readexactly(size)
            return first & 0x0F, unmasked(payload, mask)

    async def gone(self, within: float = 20.0) -> bytes:
        """Read until the gateway closes; what came."""
        got = b""
        async with asyncio.timeout(within):
            try:
                while more := await self.line.reader.read(65536):
                    got += more
            except ConnectionError:
                pass
        return got


def sessions(act: Callable[[Running, "asyncio.Queue[Far]"], Awaitable[None]], config: str = OPEN) -> None:
    """``await act(gateway, far)`` with an upstream that takes each handshake; ``far`` are its ends of the sessions.
    Afterwards the gateway holds nothing."""

    async def main() -> None:
        far: asyncio.Queue[Far] = asyncio.Queue()

        async def script(line: Line) -> None:
            head = await line.request()
            line.send(accept(head))
            far.put_nowait(Far(line, head))
            await line.upstream.left.wait()

        await behind(script, lambda gateway, upstream: act(gateway, far), config)

    run(main())


async def behind(script: Script, act: Callable[[Running, Upstream], Awaitable[None]], config: str = OPEN) -> None:
    """``await act(gateway, upstream)`` with an upstream that does what ``script`` says."""
    async with scripted(script) as upstream, running_gateway(config.format(port=upstream.port)) as gateway:
        try:
            await act(gateway, upstream)
        except BaseException:
            upstream.left.set()
            raise
        await until_clean(gateway)
        upstream.left.set()


def session(act: Callable[[SocketCaller, Far, Running], Awaitable[None]], config: str = OPEN, **options: Any) -> None:
    """``await act(caller, far, gateway)`` in one open session; afterwards the caller leaves."""

    async def opened(gateway: Running, far: "asyncio.Queue[Far]") -> None:
        caller = await dial(gateway.port, path=PATH, **options)
        try:
            assert caller.head.startswith(b"HTTP/1.1 101 "), caller.head
            await act(caller, await far.get(), gateway)
        finally:
            caller.leave()

    sessions(opened, config)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.001)


async def until_clean(gateway: Running) -> None:
    """Wait until no session is left, and see that everything it held was given back."""
    inner = gateway.gateway
    await until(lambda: inner.server.open == 0 and all(row[2] == 0 for row in inner.upstreams.numbers().values()))
    assert inner.server.busy == 0
    assert inner.ledger.held == 0
    assert all(row[0] == 0 for row in inner.upstreams.numbers().values())
    assert inner.endpoint.generation.in_flight == 0
    assert inner.observed is not None
    assert inner.observed.board.in_flight == 0


def row_of(gateway: Running) -> dict[str, Any]:
    """What was noted of the only call."""
    observed = gateway.gateway.observed
    assert observed is not None
    (row,) = observed.recent.rows(10)
    return row


async def cut(caller: SocketCaller, within: float = 20.0) -> bytes:
    """Read until the gateway closes the caller's connection; what came."""
    got = b""
    async with asyncio.timeout(within):
        try:
            while more := await caller.reader.read(65536):
                got += more
        except ConnectionError:
            pass
    return got

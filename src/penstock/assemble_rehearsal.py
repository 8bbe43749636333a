"""The composition root's rehearsal: calls to nobody, so that the first real one finds everything played once.

A second gateway of the same settings serves them within this process, over sockets of this machine, with a store in
memory and an upstream that is made up: what is imported late is there then, code has run, memory is at hand; and
nothing is counted, kept, logged or paid for. May fail with whatever fails; it is one task of the warm-up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec

from penstock.auth.config import AuthConfig
from penstock.config import Config, StoreConfig, known_sections
from penstock.core.errors import GatewayError
from penstock.edge.config import ListenConfig
from penstock.edge.fleet import Fleet
from penstock.net.server import bind
from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.health_config import HealthConfig
from penstock.routing.upstream_config import UpstreamConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway

HOST = "127.0.0.1"
MODEL = "rehearsal"
A_CONNECTION = 4
"""Calls on each connection: to accept one is rehearsed as well."""
NUMBERS = 5000
"""Added to the worker's: what one worker does for all is not done here."""
KEPT = frozenset({"cache", "coalesce", "journal", "observe", "admission", "streaming", "resume", "batching", "degrade"})
"""The sections that are taken from the real configuration: those of rooms that a call passes."""
_ANSWER = msgspec.json.encode(
    {
        "id": "r", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Ready."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
)  # fmt: skip
_EVENTS = [
    {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
    for choice in (
        {"index": 0, "delta": {"role": "assistant", "content": "Ready"}, "finish_reason": None},
        {"index": 0, "delta": {"content": "."}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    )
]


async def rehearse(gateway: Gateway, config: Config, calls: int) -> None:
    """Play ``calls`` calls, whole ones and streams in turn."""
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(_Upstream, HOST, 0)
    listener = bind(HOST, 0)
    from penstock.assemble import Gateway as Stage

    stage = Stage(gateway.number + NUMBERS, cast(Fleet, _Nobody()))
    try:
        async with stage:
            await stage.open(script(config, upstream.sockets[0].getsockname()[1]))
            await stage.server.listen(listener, None)
            try:
                await _play(listener, calls)
            finally:
                stage.server.stop_accepting()
                stage.server.abort_all()
    finally:
        listener.close()
        upstream.close()


def script(config: Config, port: int) -> Config:
    """``config`` with an upstream on ``port`` alone, and with nothing that would leave a trace. Raises ConfigError."""
    upstream = UpstreamConfig(kind="openai", base_url=f"http://{HOST}:{port}/v1")
    sections: dict[type[msgspec.Struct], msgspec.Struct] = {
        struct: struct() for key, struct in known_sections() if key not in KEPT
    }
    sections |= {
        RoutingConfig: RoutingConfig(
            upstreams={MODEL: upstream},
            models={MODEL: ModelConfig(upstreams=[MODEL])},
            health=HealthConfig(probes="off"),
        ),
        StoreConfig: StoreConfig(store="memory"),
        AuthConfig: AuthConfig(mode="open"),
        ListenConfig: ListenConfig(host=HOST, port=0),
    }
    for key, struct in known_sections():
        if changes := _CHANGED.get(key):
            sections[struct] = msgspec.structs.replace(config.of(struct), **changes(config.of(struct)))
    return config.replace(*sections.values())


def _without_meaning(cache: Any) -> dict[str, Any]:
    return {"semantic": msgspec.structs.replace(cache.semantic, enabled=False), "models": {}, "warming": 0}


_CHANGED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "warmup": lambda _: {"enabled": False},
    "observe": lambda _: {"access_log": "errors"},
    "journal": lambda _: {"prompts": False},
    "jobs": lambda _: {"enabled": False},  # those on the disk are the real gateway's
    "cache": _without_meaning,
}
"""Of the sections that are there: what differs from the real configuration."""


async def _play(listener: socket.socket, calls: int) -> None:
    caller: _Caller | None = None
    for turn in range(calls):
        if turn % A_CONNECTION == 0:
            if caller is not None:
                caller.transport.abort()
            _, caller = await asyncio.get_running_loop().create_connection(_Caller, *listener.getsockname()[:2])
        assert caller is not None
        await caller.ask(_request(turn, stream=turn % 2 == 1))
    if caller is not None:
        caller.transport.abort()


def _request(turn: int, *, stream: bool) -> bytes:
    messages = [{"role": "user", "content": f"Is everybody ready for call {turn}? " * 8}]
    asked = {"model": MODEL, "messages": messages, "stream": stream, "temperature": turn // 2 % 2}
    body = msgspec.json.encode(asked)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)


class _Nobody:
    """The fleet of a gateway that asks for no key: whoever finds it in its moment learns and changes nothing there."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def asked(*_: Any, **__: Any) -> Any:
            raise GatewayError("this is a rehearsal", code="gateway_starting")

        return asked


class _Upstream(asyncio.Protocol):
    """Answers each request that comes in one piece, as a stream if it asks for one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if b'"stream":true' not in data:
            fields = b"content-type: application/json\r\ncontent-length: %d" % len(_ANSWER)
            self._transport.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, _ANSWER))
            return
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for event in (*map(msgspec.json.encode, _EVENTS), b"[DONE]"):
            piece = b"data: %b\n\n" % event
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self._transport.write(b"0\r\n\r\n")


class _Caller(asyncio.Protocol):
    """Asks, and waits for the end of the answer."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._answered is not None and not self._answered.done() and self._is_whole():
            self._answered.set_result(None)

    def _is_whole(self) -> bool:
        return self._got.endswith((b"0\r\n\r\n", b"}")) and b"\r\n\r\n" in self._got

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(OSError(f"a call was not answered: {bytes(self._got[:200])!r}"))

    async def ask(self, request: bytes) -> None:
        """Raises OSError when the answer is not 200."""
        self._got.clear()
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self._answered
        if not self._got.startswith(b"HTTP/1.1 200"):
            raise OSError(f"a call was answered {bytes(self._got[:200])!r}")

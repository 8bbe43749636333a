"""An upstream on raw protocols: a chat answered at once, or a stream of numbered, time-stamped events at a fixed pace.

Enters: POST /v1/chat/completions; ``"stream": true`` asks for ``max_tokens`` events, the first with the head, the
others one an ``--interval``. Each event carries ``#<number>@<monotonic ns>`` as its text. Other paths answer what the
routers ask before they route. Run as ``python -m bench.upstream --port P``; it must never be the bottleneck.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import time
from typing import cast

import httptools
import uvloop

WHOLE = (
    b'{"id":"chatcmpl-0000000000000000","object":"chat.completion","created":1760000000,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"The gate shuts the water off so that the pipe can be emptied."},'
    b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":36,"completion_tokens":14,"total_tokens":50}}'
)
MODELS = b'{"object":"list","data":[{"id":"m","object":"model","created":1760000000,"owned_by":"bench"}]}'
INFO = b'{"status":"ok","model_path":"m","served_model_name":"m","tokenizer_path":"","is_generation":true}'

_EVENT_HEAD = (
    b'data: {"id":"chatcmpl-0000000000000000","object":"chat.completion.chunk","created":1760000000,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"#'
)
_EVENT_TAIL = b'"},"logprobs":null,"finish_reason":null}]}\n\n'
_STAMP_BYTES = 8 + 1 + 16
_CHUNK_HEAD = b"%x\r\n%s" % (len(_EVENT_HEAD) + _STAMP_BYTES + len(_EVENT_TAIL), _EVENT_HEAD)
_CHUNK_TAIL = _EVENT_TAIL + b"\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_STREAM_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_WANTS_STREAM = re.compile(rb'"stream"\s*:\s*true')
_MAX_TOKENS = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(\d+)')  # one router renames the field


def whole_reply(body: bytes) -> bytes:
    """A complete JSON response."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def event(number: int, now_ns: int) -> bytes:
    """One event as a chunk on the wire."""
    return b"%s%08d@%016d%s" % (_CHUNK_HEAD, number, now_ns, _CHUNK_TAIL)


def wanted_events(body: bytes) -> int:
    """How many events a request asks for; 0 when it wants no stream."""
    if not _WANTS_STREAM.search(body):
        return 0
    found = _MAX_TOKENS.search(body)
    return int(found[1]) if found else 16


class Wheel:
    """One timer for all streams: a ring of slots, one a tick; a stream stays in its slot and fires once a turn."""

    TICK_SECONDS = 0.001

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_seconds: float) -> None:
        self._loop = loop
        self._slots: list[dict[Paced, None]] = [{} for _ in range(max(round(interval_seconds / self.TICK_SECONDS), 1))]
        self._begun = loop.time()
        self._ticks = 0
        self._joined = 0

    def start(self) -> None:
        self._begun = self._loop.time()
        self._loop.call_later(self.TICK_SECONDS, self._turn)

    def join(self, stream: Paced) -> int:
        """Put a stream into the next slot in turn, so that writes are spread evenly over the interval."""
        place = self._joined % len(self._slots)
        self._joined += 1
        self._slots[place][stream] = None
        return place

    def leave(self, stream: Paced, place: int) -> None:
        self._slots[place].pop(stream, None)

    def _turn(self) -> None:
        due = int((self._loop.time() - self._begun) / self.TICK_SECONDS)
        while self._ticks < due:
            self._ticks += 1
            for stream in list(self._slots[self._ticks % len(self._slots)]):
                stream.step()
        # Not call_at: the loop rounds to whole milliseconds, and a timer rounded down to nothing would spin.
        self._loop.call_later(self.TICK_SECONDS, self._turn)


class Paced:
    """One running stream: writes straight to the socket, and through the transport only when that is full."""

    __slots__ = ("_connection", "_descriptor", "_next", "_place", "_total", "_transport")

    def __init__(self, connection: Connection, transport: asyncio.Transport, total: int) -> None:
        self._connection = connection
        self._transport = transport
        self._descriptor: int = transport.get_extra_info("socket").fileno()
        self._total = total
        self._next = 1
        self._transport.write(_STREAM_HEAD + event(0, time.monotonic_ns()))
        self._place = -1
        if total > 1:
            self._place = connection.wheel.join(self)
        else:
            self.finish()

    def step(self) -> None:
        self._write(event(self._next, time.monotonic_ns()))
        self._next += 1
        if self._next >= self._total:
            self.finish()

    def finish(self) -> None:
        self.leave()
        self._transport.write(_STREAM_END)
        self._connection.stream_ended()

    def leave(self) -> None:
        if self._place >= 0:
            self._connection.wheel.leave(self, self._place)

    def _write(self, data: bytes) -> None:
        if self._transport.get_write_buffer_size():
            self._transport.write(data)
            return
        try:
            sent = os.write(self._descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.leave()
            self._transport.abort()
            return
        if sent < len(data):
            self._transport.write(data[sent:])


class Connection(asyncio.Protocol):
    """One client connection: requests one after another, each answered whole or as a paced stream."""

    def __init__(self, wheel: Wheel) -> None:
        self.wheel = wheel
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body: list[bytes] = []
        self._stream: Paced | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases

    def connection_lost(self, error: Exception | None) -> None:
        if self._stream is not None:
            self._stream.leave()
            self._stream = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        if self._parser.get_method() != b"POST":
            self._transport.write(whole_reply(MODELS if self._path.endswith(b"/models") else INFO))
        elif total := wanted_events(body):
            stream = Paced(self, self._transport, total)
            self._stream = stream if total > 1 else None
        else:
            self._transport.write(whole_reply(WHOLE))
        if not self._parser.should_keep_alive() and self._stream is None:
            self._transport.close()

    def stream_ended(self) -> None:
        self._stream = None


async def serve(host: str, port: int, interval_seconds: float) -> None:
    """Listen until the process ends."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop, interval_seconds)
    listener = socket.create_server((host, port), reuse_port=True, backlog=4096)
    server = await loop.create_server(lambda: Connection(wheel), sock=listener, backlog=4096)
    wheel.start()
    await server.serve_forever()


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.upstream", description=__doc__)
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--interval", type=float, default=0.02, metavar="SECONDS", help="pause between two events")
    given = words.parse_args()
    uvloop.run(serve(given.host, given.port, given.interval))


if __name__ == "__main__":
    main()

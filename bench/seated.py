"""A model server of known capacity: so many seats, a fixed time to the first token, some seconds in all.

Enters: chats on a port of 127.0.0.1. Leaves: a short answer, streamed if so asked. Who finds no seat waits, for
as long as it takes, first come first served, as an engine does; who hangs up gives its seat or its place back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import deque
from typing import cast

from bench.listening import listening

WORDS = "the gate is open"
_WHOLE = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"the gate is open"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,'
    b'"total_tokens":13}}'
)
_EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"content":"%b"},"finish_reason":%b}]}\n\n'
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_STREAM = re.compile(rb'"stream"\s*:\s*true')


def chunk(data: bytes) -> bytes:
    """As it is sent."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Seated:
    """See the module. ``served``: answers given; ``busy``: seconds in which seats were taken, summed."""

    def __init__(self, seats: int, prefill: float, seconds: float, seed: int = 1) -> None:
        self.seats = seats
        self.prefill = prefill
        self.seconds = seconds
        self.port = 0
        self.running = 0
        self.served = 0
        self.busy = 0.0
        self.waiting: deque[Seat] = deque()
        self.random = random.Random(seed)
        self._listening = contextlib.AsyncExitStack()

    @property
    def capacity(self) -> float:
        """Calls a second."""
        return self.seats / self.seconds

    async def start(self) -> None:
        """Listen."""
        self.port = await self._listening.enter_async_context(listening(lambda: Seat(self)))

    async def aclose(self) -> None:
        """Listen no more."""
        await self._listening.aclose()

    def next(self) -> None:
        """A seat came free."""
        while self.running < self.seats and self.waiting:
            self.waiting.popleft().begin()


class Seat(asyncio.Protocol):
    """One connection."""

    def __init__(self, engine: Seated) -> None:
        self._engine = engine
        self._got = b""
        self._streams = False
        self._closes = False
        self._sits = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or (length is not None and len(body) < int(length[1])):
            return
        self._got = b""
        if head.startswith(b"GET"):
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            return
        self._closes = b"connection: close" in head.lower()
        self._streams = _STREAM.search(body) is not None
        self._engine.waiting.append(self)
        self._engine.next()

    def begin(self) -> None:
        """It has a seat."""
        engine, loop = self._engine, asyncio.get_running_loop()
        engine.running += 1
        self._sits = loop.time()
        lasts = engine.seconds * engine.random.uniform(0.5, 1.5)
        if self._streams:
            self._timers.append(loop.call_later(min(engine.prefill, lasts), self._first))
        self._timers.append(loop.call_later(lasts, self._end))

    def _first(self) -> None:
        self._transport.write(_HEAD + chunk(_EVENT % (WORDS.encode(), b"null")))

    def _end(self) -> None:
        if self._streams:
            self._transport.write(chunk(_EVENT % (b"", b'"stop"')) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        else:
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_WHOLE)
            self._transport.write(head + _WHOLE)
        self._engine.served += 1
        if self._closes:
            self._transport.close()
        self._leave()

    def connection_lost(self, error: Exception | None) -> None:
        if self._sits:
            self._leave()
        elif self in self._engine.waiting:
            self._engine.waiting.remove(self)

    def _leave(self) -> None:
        engine = self._engine
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        engine.running -= 1
        engine.busy += asyncio.get_running_loop().time() - self._sits
        self._sits = 0.0
        engine.next()

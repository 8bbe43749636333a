"""Many SSE streams at once on one epoll: every event counted, its number checked, the gaps between events kept.

Enters: a ``Plan``; leaves: a ``Result``. The sockets are read raw (no parser, no event loop): a client that costs more
than the proxy would measure itself. Events are those of bench/upstream.py: ``#<8 digits>@<16 digits of ns>``.
"""

from __future__ import annotations

import contextlib
import gc
import random
import select
import socket
import time
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_NUMBER, _STAMP = slice(1, 9), slice(10, 26)
_TOKEN_BYTES = 26
_SUCCESS = b"HTTP/1.1 200"
_LAST_CHUNK = b"0\r\n\r\n"
_ENDS = (_LAST_CHUNK, b"data: [DONE]\n\n")
"""Of a chunked answer, and of one whose length was known because it was over before its head was sent."""


@dataclass(frozen=True)
class Plan:
    """What to open and how long to watch."""

    port: int
    body: bytes
    headers: Mapping[str, str]
    streams: int
    events: int
    """How many events each stream brings when none is lost."""
    window_seconds: float
    settle_seconds: float = 0.5
    opened_per_second: int = 1000
    patience_seconds: float = 5.0
    """How long after the window the last stream may end."""
    renewed: bool = False
    """Until the window ends, a stream that went well is followed by another."""
    leaving: float = 0.0
    """The share of streams whose client leaves, each at a moment drawn at random."""
    at_start: Callable[[], None] = lambda: None
    """Called when the window begins, all streams running."""
    at_end: Callable[[], None] = lambda: None


@dataclass
class Result:
    """What was seen. Gaps and delays are those of the window, in µs."""

    opened: int = 0
    finished: int = 0
    unfinished: int = 0
    left: int = 0
    lost: int = 0
    doubled: int = 0
    window_events: int = 0
    window_seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    first_event_us: array[int] = field(default_factory=lambda: array("q"))
    gaps_us: array[int] = field(default_factory=lambda: array("q"))
    delays_us: array[int] = field(default_factory=lambda: array("q"))


class Stream:
    """One connection that waits for its events."""

    __slots__ = ("expected", "last_ns", "leaves_at", "opened_ns", "sent", "socket", "tail")

    def __init__(self, opened: socket.socket, leaves_at: int | None = None) -> None:
        self.socket = opened
        self.leaves_at = leaves_at
        self.sent = False
        self.opened_ns = 0
        self.expected = 0
        self.last_ns = 0
        self.tail = b""


def request(plan: Plan) -> bytes:
    """The bytes each stream begins with."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n{fields}"
    return f"{head}Content-Length: {len(plan.body)}\r\n\r\n".encode() + plan.body


class Load:
    """All streams of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = request(plan)
        self._epoll = select.epoll()
        self._streams: dict[int, Stream] = {}
        self._watching = False
        self._renewing = False
        self._dice = random.Random(1)
        self.result = Result()

    def run(self) -> Result:
        """Open, settle, watch, let end."""
        plan = self._plan
        gc.collect()
        gc.disable()
        try:
            self._open_all()
            self._renewing = plan.renewed
            self._turn_until(time.monotonic() + plan.settle_seconds)
            plan.at_start()
            begun = time.monotonic()
            self._watching = True
            self._turn_until(begun + plan.window_seconds)
            self._watching = self._renewing = False
            self.result.window_seconds = time.monotonic() - begun
            plan.at_end()
            self._turn_until(time.monotonic() + plan.patience_seconds)
        finally:
            gc.enable()
            self.result.unfinished = len(self._streams)
            for stream in self._streams.values():
                stream.socket.close()
            self._epoll.close()
        return self.result

    def _open_all(self) -> None:
        begun = time.monotonic()
        while self.result.opened < self._plan.streams:
            due = int((time.monotonic() - begun) * self._plan.opened_per_second) + 1
            for _ in range(min(due, self._plan.streams) - self.result.opened):
                self._open()
            self._turn(0.001)

    def _open(self) -> None:
        opened = socket.socket()
        opened.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            opened.connect(("127.0.0.1", self._plan.port))
        leaves = self._dice.random() < self._plan.leaving
        leaves_at = self._dice.randrange(self._plan.events) if leaves else None
        self._streams[opened.fileno()] = Stream(opened, leaves_at)
        self._epoll.register(opened.fileno(), select.EPOLLOUT)
        self.result.opened += 1

    def _turn_until(self, deadline: float) -> None:
        while self._streams and (left := deadline - time.monotonic()) > 0:
            self._turn(left)

    def _turn(self, seconds: float) -> None:
        for descriptor, _ in self._epoll.poll(seconds):
            stream = self._streams[descriptor]
            try:
                if stream.sent:
                    self._receive(stream)
                else:
                    self._send(stream, descriptor)
            except (OSError, ValueError) as error:
                self._close(stream, repr(error))

    def _send(self, stream: Stream, descriptor: int) -> None:
        stream.opened_ns = time.monotonic_ns()
        if stream.socket.send(self._request) != len(self._request):
            raise ValueError("the request did not fit into the socket")
        stream.sent = True
        self._epoll.modify(descriptor, select.EPOLLIN)
        self._leave_if_due(stream)

    def _leave_if_due(self, stream: Stream) -> bool:
        due = stream.leaves_at is not None and stream.expected >= stream.leaves_at
        if due:
            self.result.left += 1
            self._close(stream)
        return due

    def _receive(self, stream: Stream) -> None:
        data = stream.socket.recv(65536)
        now = time.monotonic_ns()
        if not data:
            self._close(stream, f"closed after {stream.expected} events")
            return
        if stream.tail:
            data = stream.tail + data
            stream.tail = b""
        at = data.find(b"#")
        if at >= 0:
            self._events(stream, data, at, now)
        elif not stream.last_ns:
            stream.tail = data
            if not data.startswith(_SUCCESS[: len(data)]):
                self._close(stream, repr(data[:120]))
            return
        if self._leave_if_due(stream):
            return
        if stream.expected >= self._plan.events:
            self._finish(stream, data)

    def _events(self, stream: Stream, data: bytes, at: int, now: int) -> None:
        result = self.result
        while at >= 0:
            token = data[at : at + _TOKEN_BYTES]
            if len(token) < _TOKEN_BYTES:
                stream.tail = token
                return
            number = int(token[_NUMBER])
            if number > stream.expected:
                result.lost += number - stream.expected
            elif number < stream.expected:
                result.doubled += 1
            if not stream.last_ns:
                result.first_event_us.append((now - stream.opened_ns) // 1000)
            elif self._watching:
                result.gaps_us.append((now - stream.last_ns) // 1000)
                result.delays_us.append((now - int(token[_STAMP])) // 1000)
            if self._watching:
                result.window_events += 1
            stream.last_ns = now
            stream.expected = number + 1
            at = data.find(b"#", at + _TOKEN_BYTES)

    def _finish(self, stream: Stream, data: bytes) -> None:
        if not data.endswith(_ENDS):
            stream.tail = data[-len(_LAST_CHUNK) - 14 :].replace(b"#", b" ")
        elif b"[DONE]" not in data:
            self._close(stream, "ended without [DONE]")
        else:
            self.result.finished += 1
            self._close(stream)

    def _close(self, stream: Stream, error: str | None = None) -> None:
        if error is not None:
            self.result.errors.append(error)
        descriptor = stream.socket.fileno()
        if self._streams.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)
            stream.socket.close()
            if self._renewing and error is None:
                self._open()


def first_events_us(plan: Plan, times: int) -> list[float]:
    """Time to first event of short streams, one after another on one connection; fewer when the proxy fails."""
    taken: list[float] = []
    wanted = request(plan)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", plan.port), timeout=5) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            begun = time.perf_counter_ns()
            line.sendall(wanted)
            data = b""
            while b"#" not in data:
                data += _some(line)
                if not data.startswith(_SUCCESS[: len(data)]):
                    return taken
            taken.append((time.perf_counter_ns() - begun) / 1000)
            end = _ENDS[b"\r\ncontent-length:" in data.lower()]
            while not data.endswith(end):
                data += _some(line)
    return taken


def _some(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the stream was closed before its end")
    return data

"""Streams without sockets: an upstream that notes how it is held, a caller that notes what came, and time by hand."""

import json
from collections.abc import Callable
from typing import Any

from penstock.core.call import Call, Operation
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.reply import Sink
from penstock.memory.ledger import BoundedAccount
from penstock.streaming.counts import Counts
from penstock.streaming.flow import Surroundings

CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
MESSAGES = Operation("messages", "anthropic", "/messages", streams=True)


def said(text: str, **choice: Any) -> bytes:
    """One chat event with text."""
    chunk = {"id": "c", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": text}, **choice}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


ROLE = b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
FINISH = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
EMPTY = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":""}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def text_of(stream: bytes) -> str:
    """All the text of chat events."""
    chunks = [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


class Later:
    """Timers over a clock that moves when told."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waiting: list[Timer] = []

    def now(self) -> float:
        return self.time

    def __call__(self, seconds: float, fn: Callable[[], None]) -> "Timer":
        timer = Timer(self.time + seconds, fn)
        self.waiting.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        until = self.time + seconds
        while due := [timer for timer in self.waiting if timer.at <= until and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.at)
            self.waiting.remove(first)
            self.time = max(self.time, first.at)
            first.fn()
        self.time = until


class Timer:
    def __init__(self, at: float, fn: Callable[[], None]) -> None:
        self.at = at
        self.fn = fn
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Upstream:
    """A source that pushes when the test says so; pushing while held is the test's mistake."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.held = False
        self.stops = 0
        self.cancelled = ""

    def start(self, sink: Sink) -> None:
        self.sink = sink

    def pause(self) -> None:
        self.stops += not self.held
        self.held = True

    def resume(self) -> None:
        self.held = False

    def cancel(self, reason: str) -> None:
        self.cancelled = reason

    def push(self, *frames: bytes) -> None:
        for frame in frames:
            assert self.sink is not None
            assert not self.held
            self.sink.push(frame)

    def end(self, error: Fail | None = None) -> None:
        assert self.sink is not None
        self.sink.end(error)


class Reader:
    """The caller: what came, and how far away it is. ``waiting_bytes`` are in its socket."""

    def __init__(self, round_trip: float | None = None, waiting: int = 0) -> None:
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []
        self.far = round_trip
        self.waiting_bytes = waiting

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)

    def waiting(self) -> int:
        return self.waiting_bytes

    def round_trip(self) -> float | None:
        return self.far

    @property
    def got(self) -> bytes:
        return b"".join(self.frames)


def around(later: Later, bound: int = 1 << 20) -> Surroundings:
    return Surroundings(BoundedAccount("buffers", bound), Counts(), later.now, later)


def exchange(operation: Operation = CHAT, caller: Reader | None = None) -> Exchange:
    body: Any = None
    one = Exchange("req_1", Call(operation, "POST", operation.path, b"", [], ""), 1000.0, 2000.0, body)
    one.caller = caller
    one.key = "key-1"
    one.call.stream = True
    return one

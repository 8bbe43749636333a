"""Both ways that the events of a stream may take from an upstream's connection to its caller, for tests of the lane."""

from collections.abc import Sequence
from typing import Any

from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.lane import Lane, offer
from penstock.core.reply import Source, Tapped
from penstock.net.client_connection import ClientConnection
from penstock.net.outbox import Outbox
from penstock.net.response import Response
from penstock.providers.event_frames import EventFrames
from penstock.routing.joint import Joint
from penstock.wire.told_dialects import ChatTold
from tests.core.conformance import exchange
from tests.core.judge import Socket, Timers, timers

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(text: bytes, more: bytes = b"") -> bytes:
    return b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%b"}%b}]}\n\n' % (text, more)


FIRST = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
USAGE = b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
LAST = [event(b"", b',"finish_reason":"stop"'), USAGE, b"data: [DONE]\n\n"]


def chunk(data: bytes, form: bytes = b"%x\r\n") -> bytes:
    return form % len(data) + data + b"\r\n"


class Origin:
    """What a connection to an upstream needs of its origin."""

    tls = None
    busy = 1

    def __init__(self, loop: Timers) -> None:
        self.loop: Any = loop
        self.outbox = Outbox(self.loop)
        self.wheel = Wheel(0.05, 0.0)

    def now(self) -> float:
        return 1.0

    def give_back(self, connection: ClientConnection) -> None:
        pass

    def forget(self, connection: ClientConnection) -> None:
        pass

    def failed(self, what: str, phase: str, **more: Any) -> Fail:
        return Fail(what)


class Wire(Socket):
    """The transport to the upstream."""

    def get_extra_info(self, name: str) -> None: ...

    def write(self, data: bytes) -> None: ...


class Caller:
    """The last sink, as ``Serving`` is one: frames go out in chunks of its own, and whatever is written is counted."""

    def __init__(self, own: Exchange, taps: Sequence[Any]) -> None:
        self.exchange = own
        self.taps = list(taps)
        self.sent = b""
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        for tap in self.taps:
            tap(frame)
        self.exchange.bytes_out += len(frame)
        self.write(chunk(frame))

    def write(self, data: bytes) -> None:
        assert not self.ends
        self.sent += data

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


class Way:
    """An upstream's connection and all that stands between it and the caller."""

    def __init__(self, loop: Timers, *, short: bool) -> None:
        origin: Any = Origin(loop)
        self.connection = ClientConnection(origin)
        transport: Any = Wire()
        self.connection.connection_made(transport)
        waiter: Promise[Response] = self.connection.send(b"", b"", head_timeout=1.0, idle_timeout=1.0)
        self.connection.data_received(HEAD)
        self.exchange = exchange()
        self.seen: list[bytes] = []
        self.inner: list[bytes] = []
        any_loop: Any = loop
        self.told = ChatTold()
        frames = EventFrames(waiter.result(), self.exchange, withhold=True)
        self.joint = Joint(frames, any_loop, self.told)
        self.joint.open()
        self.source: Source = Tapped(self.joint, [self.inner.append])
        self.caller = Caller(self.exchange, [self.seen.append])
        self.lane = Lane(self.exchange, self.caller, {})
        self.lane.taps = self.caller.taps
        if short:
            offer(self.lane, self.source)
        self.source.start(self.caller)

    def feed(self, data: bytes) -> None:
        # A socket that is not read brings nothing; what was closed neither.
        if not self.connection.closed and self.connection._response is not None:
            self.connection.data_received(data)

    def outcome(self) -> dict[str, Any]:
        self.exchange.finish("left", 2.0)
        told = self.told
        return {
            "sent": unchunked(self.caller.sent), "ends": [repr(end) for end in self.caller.ends],
            "seen": b"".join(self.seen), "inner": b"".join(self.inner), "bytes": self.exchange.bytes_out,
            "prompt": self.exchange.tokens_in, "text": told.text, "count": told.tokens,
            "finish": told.finish, "done": told.done, "due": self.connection.due > 0,
        }  # fmt: skip


def unchunked(data: bytes) -> bytes:
    parts = []
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        parts.append(data[:size])
        assert data[size : size + 2] == b"\r\n"
        data = data[size + 2 :]
    return b"".join(parts)


def both(reads: Sequence[bytes | str]) -> tuple[Way, Way]:
    """``reads`` on either way; ``pause`` and ``resume`` stand between them."""
    with timers() as loop:
        ways = Way(loop, short=True), Way(loop, short=False)
        for way in ways:
            held: list[bytes] = []
            paused = False
            for read in reads:
                if read == "pause":
                    paused = True
                    way.source.pause()
                elif read == "resume":
                    paused = False
                    way.source.resume()
                    while held and not paused:
                        way.feed(held.pop(0))
                elif isinstance(read, bytes):
                    if paused:
                        held.append(read)
                    else:
                        way.feed(read)
    return ways

"""The contract of core/reply.py as a test that every Source passes.

A ``Rig`` is one source, and the events that make it go (bytes from a socket, a timer): ``feed`` lets the next one
happen, whatever the state of the source. ``Judge`` is a sink that fails the test at the first breach of the contract.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from penstock.core.call import Call, Operation
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Source, Tapped, Whole
from penstock.net.request_body import Body
from penstock.net.response import Response, ResponseHead
from penstock.providers.echo import PacedFrames
from penstock.providers.event_frames import EventFrames

CUT = UpstreamError("cut")


@dataclass
class Rig:
    """``expected`` is all that flows, ``error`` what ends it; ``events`` are the outside world, in order."""

    source: Source
    expected: bytes
    error: Fail | None = None
    events: list[Callable[[], None]] = field(default_factory=list)
    timers: "Timers | None" = None

    def feed(self) -> bool:
        """Let one more thing happen. False when nothing is left to happen."""
        if self.events:
            self.events.pop(0)()
            return True
        return self.timers is not None and self.timers.fire()

    def feed_all(self) -> None:
        while self.feed():
            pass


class Judge:
    """A sink that acts as told while it takes a frame: ``acts[n]`` are the calls made inside the n-th push."""

    def __init__(self, source: Source, acts: Sequence[Sequence[str]] = ()) -> None:
        self.source = source
        self.acts = acts
        self.frames: list[bytes] = []
        self.ends: list[Fail | None] = []
        self.paused = False
        self.cancelled = False
        self.busy = False

    def do(self, act: str) -> None:
        if act == "start":
            self.source.start(self)
        elif act == "pause":
            self.paused = True
            self.source.pause()
        elif act == "resume":
            self.paused = False
            self.source.resume()
        else:
            self.cancelled = True
            self.source.cancel("not wanted")

    def push(self, frame: bytes) -> None:
        assert not self.cancelled, "pushed after cancel"
        assert not self.paused, "pushed while paused"
        assert not self.ends, "pushed after the end"
        assert not self.busy, "pushed inside a push"
        assert frame, "an empty frame"
        self.busy = True
        self.frames.append(frame)
        for act in self.acts[len(self.frames) - 1] if len(self.frames) <= len(self.acts) else ():
            self.do(act)
        self.busy = False

    def end(self, error: Fail | None) -> None:
        assert not self.cancelled, "ended after cancel"
        assert not self.ends, "ended twice"
        assert not self.busy, "ended inside a push"
        self.ends.append(error)


class Wire:
    """The connection under a Response or a Body: counts what is asked of it."""

    def __init__(self) -> None:
        self.aborted = False
        self.held = False

    def hold_reading(self) -> None:
        self.held = True

    def read_on(self) -> None:
        self.held = False

    want_body = read_on

    def abort(self) -> None:
        self.aborted = True


class Timers:
    """As much of an event loop as a paced source needs: timers that fire when told."""

    def __init__(self) -> None:
        self.waiting: list[Timer] = []

    def call_later(self, seconds: float, fn: Callable[[], None]) -> "Timer":
        timer = Timer(fn)
        self.waiting.append(timer)
        return timer

    def fire(self) -> bool:
        waiting, self.waiting = self.waiting, []
        for timer in waiting:
            if not timer.cancelled:
                timer.fn()
        return bool(waiting)


class Timer:
    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn = fn
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@contextmanager
def timers() -> Iterator[Timers]:
    """Timers as the running loop."""
    loop: Any = Timers()
    asyncio._set_running_loop(loop)
    try:
        yield loop
    finally:
        asyncio._set_running_loop(None)


def events_of(count: int) -> list[bytes]:
    return [b"data: %d\n\n" % number for number in range(count)]


def exchange() -> Exchange:
    body: Any = None
    return Exchange("req_1", Call(Operation("chat", "openai", ""), "POST", "/", b"", [], ""), 0, 1, body)


def whole(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(Whole(*frames), b"".join(frames))


def body(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    made = Body(Wire(), None)
    feeds = [lambda frame=frame: made.feed(frame) for frame in frames]
    ends = [made.finish, lambda: made.fail(error or CUT)]
    if error is not None:
        ends.reverse()
    # What a connection may still say after the end must not reach the sink.
    return Rig(made, b"".join(frames), error, [*feeds, *ends])


def response(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    wire = Wire()
    made = Response(wire, ResponseHead(200, []), None)

    def unless_aborted(act: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if wire.aborted else act()

    feeds = [unless_aborted(lambda frame=frame: made.deliver([frame[:3], frame[3:]])) for frame in frames]
    return Rig(made, b"".join(frames), error, [*feeds, unless_aborted(lambda: made.finish(error))])


def tapped(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    rig = response(frames, error, loop)
    rig.source = Tapped(rig.source, [lambda frame: None])
    return rig


def event_frames(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    """Each event comes in two halves, and the last is left without its blank line."""
    joined = b"".join(frames)
    halves = [joined[at : at + 5] for at in range(0, len(joined), 5)]
    rig = response(halves, error, loop)
    rig.source = EventFrames(rig.source, exchange(), withhold=False)
    return rig


def open_event(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    """A stream whose last event lacks its blank line: it is passed on ended, or dropped with a cut."""
    rig = response([*frames, b"data: last"], error, loop)
    rig.source = EventFrames(rig.source, exchange(), withhold=False)
    rig.expected = b"".join(frames) + (b"data: last\n\n" if error is None else b"")
    return rig


def paced(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(PacedFrames(iter(frames), 0.1), b"".join(frames), timers=loop)


def unpaced(frames: list[bytes], error: Fail | None, loop: Timers) -> Rig:
    return Rig(PacedFrames(iter(frames), 0.0), b"".join(frames))


RIGS: dict[str, tuple[type, Callable[[list[bytes], Fail | None, Timers], Rig]]] = {
    "Whole": (Whole, whole),
    "Tapped": (Tapped, tapped),
    "Response": (Response, response),
    "Body": (Body, body),
    "EventFrames": (EventFrames, event_frames),
    "EventFrames, last event open": (EventFrames, open_event),
    "PacedFrames": (PacedFrames, paced),
    "PacedFrames at once": (PacedFrames, unpaced),
}
"""Every Source of the project: the class, and how one is set up. A new Source is added here."""

"""What watches over a Source under test: a Rig sets it up, a Judge is its sink, a Wire its socket, Timers its loop.

The Judge fails the test at the first breach of the contract; ``Rig.feed`` lets the next thing in the world happen.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from penstock.core.errors import Fail, UpstreamError
from penstock.core.reply import Source

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


class Socket:
    """The transport under an Upgraded."""

    def __init__(self) -> None:
        self.aborted = False

    def set_protocol(self, protocol: object) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

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

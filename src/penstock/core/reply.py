"""What is answered: a head and a body; the body is whole (``bytes``) or live (a ``Source``).

The contract between a Source and its Sink, on which relay, pacing, fan-out, replay and rescue all stand:
``start(sink)`` once; the source then calls ``sink.push(frame)`` any number of times and ``sink.end(error | None)``
exactly once, possibly inside ``start``, never inside ``push``. After ``pause()`` nothing is pushed until ``resume()``;
after ``cancel()`` nothing at all, ``end`` included. All calls are synchronous and idempotent, and none of them raises.
A *frame* is one or more whole SSE events, or body bytes where the body is not SSE; it is never empty. A Source may have
``take_lane`` (``lane.py``): then common events may pass by it, and those that are its sinks, once it was started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Protocol

from penstock.core.call import Headers
from penstock.core.errors import Fail
from penstock.core.lane import Lane, offer

Tap = Callable[[bytes], None]
"""A watcher: called once with each frame, in order. It must not raise and must not keep the frame."""


class Sink(Protocol):
    """Where frames go."""

    def push(self, frame: bytes) -> None: ...

    def end(self, error: Fail | None) -> None: ...


class Source(Protocol):
    """Where frames come from."""

    def start(self, sink: Sink) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def cancel(self, reason: str) -> None: ...


class Reply:
    """A status, header fields and a body, with taps that see what flows to the room outside.

    ``headers`` may be shared with other replies: a room that changes them puts a new list in their place. ``lines`` may
    hold them as they are written, beside the list that this was made of. A room that need not wait may give it as what
    is awaited: then it is sent without a coroutine.

    ``live`` is true while the body is a Source. Rooms that only watch append to ``taps``; a room that changes what
    flows calls ``through``. ``length`` is the size in bytes of a live body, where it is known beforehand; ``events``
    tells that the body is server-sent events.
    """

    __slots__ = ("body", "events", "headers", "length", "lines", "status", "taps")

    def __init__(self, status: int, headers: Headers, body: bytes | Source, *, events: bool = False) -> None:
        self.events = events
        self.status = status
        self.headers = headers
        self.body = body
        self.length: int | None = None
        self.lines: tuple[Headers, bytes] | None = None
        self.taps: list[Tap] = []

    def __await__(self) -> Generator[None, None, Reply]:
        yield from ()
        return self

    @property
    def live(self) -> bool:
        return not isinstance(self.body, bytes)

    def through(self, wrap: Callable[[Source], Source]) -> None:
        """Replace the live body by ``wrap(body)``. Taps set so far keep seeing what flowed at their room."""
        body: Source = Whole(self.body) if isinstance(self.body, bytes) else self.body
        if self.taps:
            body = Tapped(body, self.taps)
            self.taps = []
        self.length = None
        self.body = wrap(body)

    def __repr__(self) -> str:
        body = f"{len(self.body)}B" if isinstance(self.body, bytes) else repr(self.body)
        return f"<Reply {self.status} {body}>"


class Whole:
    """A Source over frames that are already here. Stands for replayed and collected answers."""

    __slots__ = ("_frames", "_paused", "_pushing", "_sink", "_state")

    def __init__(self, *frames: bytes) -> None:
        self._pushing = False
        self._frames = [frame for frame in reversed(frames) if frame]
        self._sink: Sink | None = None
        self._paused = False
        self._state = "new"

    def start(self, sink: Sink) -> None:
        if self._state == "new":
            self._sink = sink
            self._state = "open"
            self._run()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._state == "open":
            self._run()

    def cancel(self, reason: str) -> None:
        self._state = "done"
        self._frames.clear()

    def _run(self) -> None:
        sink = self._sink
        assert sink is not None
        if self._pushing:
            return  # resumed by the sink while it takes a frame: the loop below goes on
        self._pushing = True
        while self._frames and not self._paused and self._state == "open":
            sink.push(self._frames.pop())
        self._pushing = False
        if self._state == "open" and not self._paused and not self._frames:
            self._state = "done"
            sink.end(None)

    def __repr__(self) -> str:
        return f"<Whole {self._state} {len(self._frames)} frames left>"


class Void:
    """A Sink for what nobody wants any more. Taking the place of a cancelled source's sink, it also bars the next."""

    def push(self, frame: bytes) -> None:
        pass

    def end(self, error: Fail | None) -> None:
        pass


class Tapped:
    """A Source that shows each frame to its taps before passing it on."""

    __slots__ = ("_sink", "_source", "_taps")

    def __init__(self, source: Source, taps: list[Tap]) -> None:
        self._source = source
        self._taps = taps
        self._sink: Sink | None = None

    def take_lane(self, lane: Lane) -> None:
        """Its taps see what passes there, too."""
        lane.taps = [*self._taps, *lane.taps]
        offer(lane, self._source)

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._source.start(self)

    def pause(self) -> None:
        self._source.pause()

    def resume(self) -> None:
        self._source.resume()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._source.cancel(reason)

    def push(self, frame: bytes) -> None:
        for tap in self._taps:
            tap(frame)
        if self._sink is not None:
            self._sink.push(frame)

    def end(self, error: Fail | None) -> None:
        if self._sink is not None:
            self._sink.end(error)

    def __repr__(self) -> str:
        return f"<Tapped {len(self._taps)} taps over {self._source!r}>"


class _Collector:
    """Gathers a source into one bytes object, up to ``limit`` bytes."""

    def __init__(self, source: Source, limit: int, done: asyncio.Future[bytes]) -> None:
        self._source = source
        self._limit = limit
        self._done = done
        self._parts: list[bytes] = []
        self._size = 0

    def push(self, frame: bytes) -> None:
        self._size += len(frame)
        if self._size > self._limit:
            self._source.cancel("too large")
            if not self._done.done():
                self._done.set_exception(OverflowError(f"body over {self._limit} bytes"))
            return
        self._parts.append(frame)

    def end(self, error: Fail | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(b"".join(self._parts))
        else:
            self._done.set_exception(error)


async def collect(body: bytes | Source, limit: int) -> bytes:
    """The whole body. Raises the source's Fail, or OverflowError past ``limit`` bytes.

    Cancelling cancels the source.
    """
    if isinstance(body, bytes):
        if len(body) > limit:
            raise OverflowError(f"body over {limit} bytes")
        return body
    done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    body.start(_Collector(body, limit, done))
    try:
        return await done
    except asyncio.CancelledError:
        body.cancel("caller gone")
        raise

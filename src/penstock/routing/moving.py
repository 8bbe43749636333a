"""Taking a call away from an upstream that is to end, while that one still serves it. Pure.

Enters: a target; the stream of another one that should lead on. Leaves: streams that go on elsewhere, each once the
other has shown that it can: until then, and where it cannot, the first one goes on. Nobody is blamed for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.core.errors import Fail, UpstreamError
from penstock.core.fiber import Promise
from penstock.core.reply import Sink, Source, Void
from penstock.routing.failure import LEAVING
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

CERTAIN = ("prefill", "prefill_flagged", "restart")
"""Ways that lead on with the very same answer, or show that they do not. Told to go on, a model may write another."""
MOVE_SECONDS = 5.0
"""So long a stream may stand still for being moved; what takes longer stays where it is."""
MOST_MOVES = 2
"""Tried in a row of one stream."""


def leaving(name: str) -> UpstreamError:
    """What is told to a call at the upstream ``name``, which is to end."""
    return UpstreamError(
        f"upstream '{name}' is to end; its calls go on elsewhere", code=LEAVING, phase="drain", upstream=name
    )


def move_streams(target: Target) -> int:
    """Have the streams that flow from ``target`` go on elsewhere. How many were asked to."""
    return sum([joint.leave(leaving(target.name)) for joint in list(target.streams.values())])


class Proof:
    """A stream that must show that it leads on before anybody relies on it. A Source over it, and its Sink; what comes
    goes on to ``sink``."""

    __slots__ = ("_first", "_loop", "_source", "sink")

    def __init__(self, source: Source, loop: AbstractEventLoop) -> None:
        self._source = source
        self._loop = loop
        self._first: Promise[bytes] = Promise(loop)
        self.sink: Sink | None = None

    async def begun(self, within: float) -> bytes:
        """Its first frame, after which it is paused; b"" where it ended before, or brought none in ``within`` seconds:
        then it is cancelled."""
        late = self._loop.call_later(within, self._first.set_result, b"")
        try:
            self._source.start(self)
            frame = await self._first
        except BaseException:
            self.cancel("caller gone")
            raise
        finally:
            late.cancel()
        if not frame:
            self.cancel("it does not lead on")
        return frame

    def start(self, sink: Sink) -> None:
        self.sink = sink

    def pause(self) -> None:
        self._source.pause()

    def resume(self) -> None:
        self._source.resume()

    def cancel(self, reason: str) -> None:
        self.sink = Void()
        self._source.cancel(reason)

    def push(self, frame: bytes) -> None:
        if self.sink is not None:
            self.sink.push(frame)
        elif not self._first.done():
            self._source.pause()
            self._first.set_result(frame)

    def end(self, error: Fail | None) -> None:
        sink, self.sink = self.sink, Void()
        if sink is not None:
            sink.end(error)
        else:
            self._first.set_result(b"")

    def __repr__(self) -> str:
        return f"<Proof {self._first!r} over {self._source!r}>"

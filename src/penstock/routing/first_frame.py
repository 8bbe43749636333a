"""Waiting for the first frame of a stream before it is promised to the caller: until then another upstream may serve.

A Source over the upstream's, started at once; ``arrived`` resolves with the first frame or the end. What came by then
is handed on when the room outside starts it.
"""

from __future__ import annotations

import asyncio

from penstock.core.errors import Fail
from penstock.core.fiber import Promise
from penstock.core.reply import Sink, Source, Void


class FirstFrame:
    """See the module. The source is paused after its first frame, so no more than one is held."""

    __slots__ = ("_ended", "_error", "_frames", "_paused", "_sink", "_source", "arrived")

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._sink: Sink | None = None
        self._frames: list[bytes] = []
        self._ended = False
        self._error: Fail | None = None
        self._paused = False
        self.arrived: Promise[Fail | None] = Promise(loop)

    def open(self) -> None:
        """Start the upstream's source."""
        self._source.start(self)

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._hand_on()

    def pause(self) -> None:
        self._paused = True
        self._source.pause()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._sink is not None:
                self._hand_on()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._frames.clear()
        self._source.cancel(reason)

    def _hand_on(self) -> None:
        sink = self._sink
        assert sink is not None
        while self._frames and not self._paused:
            sink.push(self._frames.pop(0))
        if self._paused or self._sink is not sink:
            return
        if self._ended:
            self._sink = Void()
            sink.end(self._error)
        else:
            self._source.resume()

    # ---- as a Sink

    def push(self, frame: bytes) -> None:
        if self._sink is not None and not self._frames:
            self._sink.push(frame)
            return
        self._frames.append(frame)
        if self._sink is None:
            self._source.pause()
            self.arrived.set_result(None)

    def end(self, error: Fail | None) -> None:
        self._ended = True
        self._error = error
        if self._sink is None:
            self.arrived.set_result(error if not self._frames else None)
        elif not self._frames and not self._paused:
            sink, self._sink = self._sink, Void()
            sink.end(error)

    def __repr__(self) -> str:
        return f"<FirstFrame {len(self._frames)} held over {self._source!r}>"

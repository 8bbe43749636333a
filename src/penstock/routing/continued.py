"""A second upstream's stream as the rest of the first one's. A Source over it; ``restamp`` does the reading.

Ends with UpstreamError ``cannot_join`` where the second text does not lead on from the first.
"""

from __future__ import annotations

from penstock.core.errors import Fail, UpstreamError
from penstock.core.reply import Sink, Source, Void
from penstock.routing.overlap import Unjoinable
from penstock.wire.restamp import Restamp


class Continued:
    """See the module."""

    __slots__ = ("_restamp", "_sink", "_source")

    def __init__(self, source: Source, restamp: Restamp) -> None:
        self._source = source
        self._restamp = restamp
        self._sink: Sink | None = None

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
        try:
            frame = self._restamp.frame(frame)
        except Unjoinable as reason:
            sink, self._sink = self._sink, Void()
            self._source.cancel("cannot join")
            if sink is not None:
                sink.end(UpstreamError(f"the answer could not be continued: {reason}", code="cannot_join"))
            return
        if frame and self._sink is not None:
            self._sink.push(frame)

    def end(self, error: Fail | None) -> None:
        sink, self._sink = self._sink, Void()
        if sink is not None:
            sink.end(error)

    def __repr__(self) -> str:
        return f"<Continued {self._restamp!r} over {self._source!r}>"

"""From body bytes to frames: whole SSE events, with usage noted as it passes and withheld if only we asked for it.
Where none comes (the caller left, the upstream was cut), each event counts as a token.

A Sink of the response and a Source for the rooms outside. The common event is passed on as the same bytes object.
"""

from __future__ import annotations

from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.lane import Lane, offer
from penstock.core.reply import Sink, Source, Void
from penstock.wire.openai_chat import strip_usage_chunk
from penstock.wire.sse import EventSplitter
from penstock.wire.usage import usage_in


class EventFrames:
    """See the module."""

    __slots__ = ("_exchange", "_lane", "_longest", "_seen", "_sink", "_source", "_splitter", "_withhold")

    def __init__(self, source: Source, exchange: Exchange, *, withhold: bool) -> None:
        self._source = source
        self._exchange = exchange
        self._withhold = withhold
        self._longest = 0
        self._seen = 0
        self._splitter = EventSplitter()
        self._sink: Sink | None = None
        self._lane: Lane | None = None
        exchange.defer(self._account)

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
        self._leave_lane()
        self._source.cancel(reason)

    def take_lane(self, lane: Lane) -> None:
        """Events may pass by it (none that tells usage: that is not like the one before)."""
        self._lane = lane
        lane.whole = self._splitter.empty
        offer(lane, self._source)

    def _leave_lane(self) -> None:
        """It refers to the call with its bytes."""
        lane, self._lane = self._lane, None
        if lane is not None:
            self._seen += lane.passed

    def push(self, frame: bytes) -> None:
        try:
            frame = self._splitter.feed(frame)
        except UpstreamError as error:
            sink, self._sink = self._sink, Void()
            self._source.cancel("oversized event")
            if sink is not None:
                sink.end(error)
            return
        if self._lane is not None:
            self._lane.whole = self._splitter.empty
        if frame:
            if len(frame) <= self._longest:  # one event, as nearly always: looking costs ten times as much
                self._seen += 1
            else:
                self._count(frame)
            if frame.find(b'_tokens"') >= 0:
                frame = self._read_usage(frame)
            if frame and self._sink is not None:
                self._sink.push(frame)

    def _count(self, frame: bytes) -> None:
        events = frame.count(b"\n\n") or 1
        self._seen += events
        if events == 1:
            self._longest = len(frame)

    def _account(self, exchange: Exchange) -> None:
        self._leave_lane()
        if exchange.outcome != "ok" or not exchange.tokens_out:
            exchange.tokens_out = max(exchange.tokens_out, self._seen)

    def _read_usage(self, frame: bytes) -> bytes:
        usage = usage_in(frame)
        if usage is None:
            return frame
        exchange = self._exchange
        exchange.tokens_in = usage.prompt_tokens or exchange.tokens_in
        exchange.tokens_out = usage.completion_tokens or exchange.tokens_out
        exchange.tokens_cached = usage.cached_tokens or exchange.tokens_cached
        exchange.tokens_written = usage.written_tokens or exchange.tokens_written
        exchange.tokens_reasoning = usage.reasoning_tokens or exchange.tokens_reasoning
        return strip_usage_chunk(frame) if self._withhold else frame

    def end(self, error: Fail | None) -> None:
        self._leave_lane()
        rest = self._splitter.rest
        if self._sink is not None and error is None and rest.strip():
            # The last event lacks its blank line: whole if the answer ended in order, so it is passed on ended.
            self._sink.push(rest + b"\n\n")
        sink, self._sink = self._sink, Void()
        if sink is not None:
            sink.end(error)

    def __repr__(self) -> str:
        return f"<EventFrames over {self._source!r}>"

"""A call of its own for a reader that its flight could not wait for: a Source whose answer has to be asked for first.

Enters: the reader's exchange, the rooms below. Leaves: the frames of that answer. May fail: as the rooms below do, and
UpstreamError where the answer is no stream: its head was sent already.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.core.errors import Fail, UpstreamError, defect
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.ports import Next
from penstock.core.reply import Sink, Source, Void

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

log = logging.getLogger("penstock")


class OwnCall:
    """See the module."""

    __slots__ = ("_child", "_exchange", "_fiber", "_loop", "_next", "_now", "_paused", "_sink", "_source")

    def __init__(self, exchange: Exchange, next: Next, loop: AbstractEventLoop, now: Callable[[], float]) -> None:
        self._exchange = exchange
        self._child: Exchange | None = None
        self._next = next
        self._loop = loop
        self._now = now
        self._fiber: Fiber | None = None
        self._source: Source | None = None
        self._sink: Sink | None = None
        self._paused = False

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._child = self._exchange.fork("own")
            fiber = self._fiber = Fiber(self._loop, self._ask(self._child))
            fiber.step()

    def pause(self) -> None:
        self._paused = True
        if self._source is not None:
            self._source.pause()

    def resume(self) -> None:
        self._paused = False
        if self._source is not None:
            self._source.resume()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        fiber, self._fiber = self._fiber, None
        source, self._source = self._source, None
        if source is not None:
            source.cancel(reason)
        elif fiber is not None:
            fiber.cancel(reason)
        self._finish("left")

    # ---- as the Sink of that answer

    def push(self, frame: bytes) -> None:
        if self._sink is not None:
            self._sink.push(frame)

    def end(self, error: Fail | None) -> None:
        sink, self._sink = self._sink, Void()
        self._source = None
        if self._child is not None:
            self._child.error = error
        self._finish("ok" if error is None else "error")
        if sink is not None:
            sink.end(error)

    async def _ask(self, child: Exchange) -> None:
        try:
            reply = await self._next(child)
        except Fail as fail:
            self._fiber = None
            self.end(fail)
            return
        except Exception:
            log.exception("a room failed on %s", child.id, extra={"request": child.id})
            self.end(defect())
            return
        self._fiber = None
        reply.through(lambda source: source)
        source = reply.body
        assert not isinstance(source, bytes)
        if isinstance(self._sink, Void):
            source.cancel("caller gone")
        elif reply.status != 200 or not reply.events:
            source.cancel("no stream")
            self.end(UpstreamError(f"an upstream answered {reply.status} instead of a stream", phase="headers"))
        else:
            self._source = source
            if self._paused:
                source.pause()
            source.start(self)

    def _finish(self, outcome: str) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.finish(outcome, self._now())
        exchange = self._exchange
        exchange.upstream = child.upstream
        exchange.tokens_in, exchange.tokens_out = child.tokens_in, child.tokens_out
        exchange.tokens_cached, exchange.tokens_reasoning = child.tokens_cached, child.tokens_reasoning
        exchange.failures, exchange.rescues = child.failures, child.rescues

    def __repr__(self) -> str:
        return f"<OwnCall for {self._exchange.id}>"

"""One call on a socket: runs the pipeline as for HTTP, and tells its reply in messages.

It is the last Sink of a live reply. Ends exactly once: complete, failed, cancelled by its caller, past its deadline,
or left behind by a socket that is gone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.core.errors import Fail, GatewayError, defect
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.reply import Reply, Source, Tap, collect
from penstock.edge.generation import Generation
from penstock.edge.serving import too_long
from penstock.edge.socket_messages import answered, cancelled, ended, failed, started, told
from penstock.wire.sse import parse

if TYPE_CHECKING:
    from penstock.edge.socket_session import Session

log = logging.getLogger("penstock")

MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""Of an answer that is no stream: it becomes one message."""


class SocketCall:
    """See the module. ``due`` is its deadline on the wheel."""

    __slots__ = ("_exchange", "_fiber", "_generation", "_index", "_session", "_source", "_taps", "due", "id",
                 "wheel_at")  # fmt: skip

    def __init__(self, session: Session, id: str, exchange: Exchange, generation: Generation) -> None:
        self._session = session
        self.id = id
        self._exchange = exchange
        self._generation = generation
        self._fiber: Fiber | None = None
        self._source: Source | None = None
        self._taps: list[Tap] = []
        self._index = 0
        self.due = exchange.deadline
        self.wheel_at = 0.0

    def begin(self) -> None:
        """Send the exchange through the rooms."""
        self._generation.enter()
        fiber = self._fiber = Fiber(self._session.loop, self._run())
        fiber.step()

    async def _run(self) -> None:
        exchange = self._exchange
        try:
            reply = await self._generation.run(exchange)
            exchange.status = reply.status
            exchange.overhead = self._session.now() - exchange.started - exchange.waited - exchange.queued
            if not reply.events:
                await self._answer(reply)
                return
        except Fail as fail:
            self._fail(fail)
            return
        except Exception:
            log.exception("a room failed on %s", exchange.id, extra={"request": exchange.id})
            self._fail(defect())
            return
        self._fiber = None
        if exchange.outcome is None:
            self._stream(reply)

    async def _answer(self, reply: Reply) -> None:
        """An answer that is no stream is one message."""
        exchange = self._exchange
        source = reply.body
        try:
            body = await collect(source, MOST_ANSWER_BYTES)
        except OverflowError:
            raise GatewayError(
                f"the answer is over {MOST_ANSWER_BYTES} bytes; ask for it over HTTP", status=502,
                code="answer_too_large", retryable=False,
            ) from None  # fmt: skip
        self._fiber = None
        for tap in reply.taps:
            tap(body)
        if exchange.outcome is None:
            exchange.bytes_out = len(body)
            exchange.first_byte = self._session.now()
            self._session.send(answered(self.id, exchange, body, self._session.wall()))
            self._done("ok")

    def _stream(self, reply: Reply) -> None:
        session = self._session
        session.send(started(self.id, self._exchange, session.wall()))
        self._taps = reply.taps
        if isinstance(reply.body, bytes):
            self.push(reply.body)
            self.end(None)
            return
        self._source = reply.body
        if not session.writable:
            self._source.pause()
        self._source.start(self)

    # ---- as a Sink

    def push(self, frame: bytes) -> None:
        for tap in self._taps:
            tap(frame)
        session = self._session
        exchange = self._exchange
        if not exchange.first_byte:
            exchange.first_byte = session.now()
        now = session.wall()
        model = exchange.answered_as or exchange.call.model
        for event in parse(frame):
            message = told(self.id, event, self._index, now, model)
            if message is not None:
                self._index += 1
                exchange.bytes_out += len(message)
                session.send(message)

    def end(self, error: Fail | None) -> None:
        self._source = None
        if self._exchange.outcome is not None:
            return
        if error is not None:
            self._fail(error)
            return
        self._exchange.finish("ok", self._session.now())  # before its usage is told: clean-up sums up all attempts
        self._session.send(ended(self.id, self._exchange, self._index, self._session.wall()))
        self._done("ok")

    # ---- ends

    def _fail(self, fail: Fail) -> None:
        exchange = self._exchange
        if exchange.outcome is not None:
            return
        exchange.error = fail
        exchange.status = exchange.status or fail.status
        fail.__traceback__ = fail.__context__ = None  # their frames hold the call and its bytes, in a circle
        dialect = exchange.call.operation.dialect
        self._session.send(failed(self.id, fail, dialect, exchange.id, self._session.wall()))
        self._done("error")

    def _done(self, outcome: str) -> None:
        self.due = 0.0
        self._exchange.finish(outcome, self._session.now())
        self._generation.leave()
        self._session.ended(self)

    def _stop(self, reason: str) -> None:
        """Let go of whatever works for it."""
        fiber, self._fiber = self._fiber, None
        source, self._source = self._source, None
        if fiber is not None:
            fiber.cancel(reason)
        if source is not None:
            source.cancel(reason)

    def abandon(self, reason: str, *, tell: bool = False) -> None:
        """The caller does not want it any more."""
        if self._exchange.outcome is None:
            if tell:
                self._session.send(cancelled(self.id, self._session.wall()))
            self._done("left")
            self._stop(reason)

    def end_with(self, fail: Fail) -> None:
        """End it with an error, whatever it is doing."""
        if self._exchange.outcome is None:
            self._fail(fail)
            self._stop("deadline")

    def expire(self, now: float) -> None:
        """The wheel calls this at the deadline."""
        self.end_with(too_long(self._exchange.upstream))

    def hold(self) -> None:
        """The caller reads too slowly."""
        if self._source is not None:
            self._source.pause()

    def release(self) -> None:
        """The caller reads again."""
        if self._source is not None:
            self._source.resume()

    def __repr__(self) -> str:
        return f"<SocketCall {self.id} {self._exchange!r}>"

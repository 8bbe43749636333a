"""One request being served: runs the pipeline, writes its reply to the connection, and ends the exchange.

It is the last Sink of a live reply and maps the connection's backpressure to the source. After the head is out, an
error becomes an error event (SSE) or a dropped connection: a cut answer never looks whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from penstock.core.call import Headers
from penstock.core.errors import Fail, GatewayError, defect
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.lane import Lane, offer
from penstock.core.reply import Reply, Source, Tap
from penstock.edge.head import head_bytes
from penstock.net.handshake import accepting, check_handshake
from penstock.net.turn import Turn
from penstock.net.upgraded import Upgraded
from penstock.wire.errors import error_body, error_event, error_headers

if TYPE_CHECKING:
    from penstock.core.ports import Next
    from penstock.edge.endpoint import Endpoint
    from penstock.edge.generation import Generation

log = logging.getLogger("penstock")


class Serving:
    """See the module. Created by the endpoint; ends with ``_done``, exactly once."""

    __slots__ = (
        "_chunked",
        "_endpoint",
        "_exchange",
        "_extra",
        "_fiber",
        "_generation",
        "_head",
        "_keep",
        "_source",
        "_sse",
        "_taps",
        "_turn",
    )  # fmt: skip

    def __init__(
        self, endpoint: Endpoint, generation: Generation, exchange: Exchange, turn: Turn, extra: bytes
    ) -> None:
        self._endpoint = endpoint
        self._generation = generation
        self._exchange = exchange
        self._turn = turn
        self._extra = extra
        self._keep = turn.head.keep_alive
        self._fiber: Fiber | None = None
        self._source: Source | None = None
        self._taps: list[Tap] = []
        self._head = b""
        self._chunked = False
        self._sse = False

    def begin(self, run: Next) -> None:
        """Send the exchange through ``run`` and its reply to the caller."""
        self._turn.served = self
        self._generation.enter()
        try:
            awaited = run(self._exchange)
        except Exception as error:
            awaited = self._mishap(error)
        if type(awaited) is Reply:  # nobody has to wait
            self._send(awaited)
            return
        fiber = self._fiber = Fiber(self._endpoint.loop, self._run(awaited))
        fiber.step()
        if not fiber.ended:  # a room waits for something
            self._turn.connection.busy_until(self._exchange.deadline)

    async def _run(self, awaited: Awaitable[Reply]) -> None:
        exchange = self._exchange
        try:
            reply = await awaited
        except asyncio.CancelledError:
            if exchange.outcome is None:
                exchange.error = GatewayError("the call was cancelled", code="cancelled")
                self._turn.connection.abort()
                self._done("error")
            return
        except Exception as error:
            reply = self._mishap(error)
        self._fiber = None
        if exchange.outcome is None:
            self._send(reply)

    def refuse(self, fail: Fail) -> None:
        """Answer with an error at once, without the rooms."""
        self._turn.served = self
        self._generation.enter()
        self._send(self._failure(fail))

    def _mishap(self, error: Exception) -> Reply:
        """What is answered where a room raised."""
        if isinstance(error, Fail):
            return self._failure(error)
        log.error("a room failed on %s", self._exchange.id, exc_info=error, extra={"request": self._exchange.id})
        return self._failure(defect())

    def _failure(self, fail: Fail) -> Reply:
        exchange = self._exchange
        exchange.error = fail
        fail.__traceback__ = fail.__context__ = None  # their frames hold the call and its bytes, in a circle
        headers: Headers = [(b"content-type", b"application/json"), *error_headers(fail)]
        return Reply(fail.status, headers, error_body(fail, exchange.call.operation.dialect, exchange.id))

    # ---- writing

    def _send(self, reply: Reply) -> None:
        exchange = self._exchange
        endpoint = self._endpoint
        turn = self._turn
        exchange.status = reply.status
        now = endpoint.now()
        exchange.overhead = now - exchange.started - exchange.waited - exchange.queued
        framing = endpoint.date + self._extra if self._extra else endpoint.date
        if endpoint.stopping or not turn.body.ended:
            self._keep = False
        body = reply.body
        if not isinstance(body, bytes):
            self._send_live(reply, body, framing)
            return
        for tap in reply.taps:
            tap(body)
        length = len(body) if reply.status not in (204, 304) else None
        if not self._keep or not turn.head.http11:
            framing += self._connection_line()
        exchange.first_byte = now
        if exchange.call.method == "HEAD":
            body = b""
        exchange.bytes_out = len(body)
        turn.connection.write(head_bytes(exchange, reply, framing, length, body))
        self._done("ok" if exchange.error is None else "error")

    def _connection_line(self) -> bytes:
        if not self._keep:
            return b"connection: close\r\n"
        return b"" if self._turn.head.http11 else b"connection: keep-alive\r\n"

    def _send_live(self, reply: Reply, source: Source, framing: bytes) -> None:
        if isinstance(source, Upgraded):
            self._join(reply, source, framing)
            return
        turn = self._turn
        self._source = source
        self._taps = reply.taps
        self._sse = reply.events
        if reply.length is not None:
            framing += b"content-length: %d\r\n" % reply.length
        elif turn.head.http11:
            framing += b"transfer-encoding: chunked\r\n"
            self._chunked = True
        else:
            self._keep = False  # the end of the connection is the end of the body
        self._head = head_bytes(self._exchange, reply, framing + self._connection_line())
        turn.connection.busy_until(self._exchange.deadline)
        if not turn.connection.writable:
            source.pause()
        if self._chunked and self._sse:
            lane = Lane(self._exchange, turn.connection, self._endpoint.chunk_sizes)
            lane.taps = self._taps
            offer(lane, source)
        source.start(self)
        if self._head and self._exchange.outcome is None:
            head, self._head = self._head, b""
            turn.connection.write(head)

    def _join(self, reply: Reply, upstream: Upgraded, framing: bytes) -> None:
        """The upstream took the handshake: so does the caller's side, and a relay has the rest."""
        exchange = self._exchange
        turn = self._turn
        join = self._endpoint.join
        assert join is not None
        relay = join(exchange, upstream)
        turn.served = None
        exchange.first_byte = self._endpoint.now()
        framing = accepting(check_handshake(turn.head), b"") + framing
        turn.connection.write(head_bytes(exchange, reply, framing))
        turn.connection.hand_over(relay)

    def push(self, frame: bytes) -> None:
        """A frame of a live reply."""
        for tap in self._taps:
            tap(frame)
        exchange = self._exchange
        exchange.bytes_out += len(frame)
        if self._chunked:
            frame = b"%x\r\n%b\r\n" % (len(frame), frame)
        if self._head:
            frame = self._head + frame
            self._head = b""
        if not exchange.first_byte:
            exchange.first_byte = self._endpoint.now()
        self._turn.connection.write(frame)

    def end(self, error: Fail | None) -> None:
        """The end of a live reply."""
        self._source = None
        exchange = self._exchange
        if exchange.outcome is not None:
            return
        connection = self._turn.connection
        if error is None:
            connection.write(self._head + (b"0\r\n\r\n" if self._chunked else b""))
            self._done("ok")
        elif self._head:
            self._head = b""
            self._chunked = False
            self._send(self._failure(error))
        elif self._sse:
            exchange.error = error
            event = error_event(error, exchange.call.operation.dialect, exchange.id)
            if self._chunked:
                event = b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
            connection.write(event)
            self._keep = False
            self._done("error")
        else:
            exchange.error = error
            connection.abort()
            self._done("error")

    def _done(self, outcome: str) -> None:
        self._exchange.finish(outcome, self._endpoint.now())
        self._generation.leave()
        turn = self._turn
        turn.served = None  # else the two would hold each other, and the call's bytes, until the collector comes
        turn.connection.finish(keep_alive=self._keep)

    # ---- from the connection

    def abandon(self, reason: str) -> None:
        """The caller is gone: everything done for it alone stops now."""
        exchange = self._exchange
        if exchange.outcome is not None:
            return
        source, self._source = self._source, None
        self._turn.served = None
        exchange.finish("left", self._endpoint.now())
        self._generation.leave()
        if self._fiber is not None:
            self._fiber.cancel(reason)
        if source is not None:
            source.cancel(reason)

    def hold(self) -> None:
        """The caller reads too slowly."""
        if self._source is not None:
            self._source.pause()

    def release(self) -> None:
        """The caller reads again."""
        if self._source is not None:
            self._source.resume()

    def expire(self, fail: Fail | None = None) -> None:
        """The exchange's deadline has passed (or the gateway stops): end it with an error, whatever it is doing."""
        error = fail or too_long(self._exchange.upstream)
        if self._exchange.outcome is not None:
            return
        fiber, self._fiber = self._fiber, None
        source = self._source
        if fiber is not None:
            self._send(self._failure(error))
            fiber.cancel("deadline")
        elif source is not None:
            source.cancel("deadline")
            self.end(error)

    def __repr__(self) -> str:
        return f"<Serving {self._exchange!r}>"


def too_long(upstream: str) -> GatewayError:
    """The total deadline has passed. Where the call was then is worth saying: the caller sees nothing of it."""
    where = f"; it was with upstream '{upstream}'" if upstream else ""
    return GatewayError(
        f"the call took longer than it may (timeouts.total){where}", status=504, code="deadline", retryable=False
    )

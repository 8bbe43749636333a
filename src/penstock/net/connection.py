"""One client connection of the server: bytes in, checked requests out, responses written back in order.

Each request becomes a ``Turn`` handed to the app, one at a time (pipelined ones wait). Every state has a deadline. What
is refused before its body was read is answered, then the rest is read and dropped for a bounded while.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from penstock.core.errors import CallerError, Fail
from penstock.net.http_head import RequestHead
from penstock.net.outbox import BatchedProtocol
from penstock.net.request_body import Body
from penstock.net.request_parser import RequestParser
from penstock.net.turn import Successor, Turn

if TYPE_CHECKING:
    from penstock.net.server import Server

MAX_PIPELINED, LATE_SECONDS = 128, 1.0
LINGER_SECONDS, LONGEST_LINGER_SECONDS = 3.0, 30.0
LINGER_BYTES, LINGER_RATE = 64 * 1024 * 1024, 16 * 1024  # a second: who sends faster is read for longer


class Connection(BatchedProtocol):
    """See the module. Writing: ``write`` at will, then ``finish``; ``writable`` is False for slow readers."""

    __slots__ = ("_deadline", "_fresh", "_lingered", "_parser", "_server", "_turns", "_unsent", "closing", "due",
                 "peer", "wheel_at", "writable")  # fmt: skip

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._server = server
        self.due = self.wheel_at = self._deadline = 0.0
        self.peer = ""
        self.closing, self._fresh, self.writable = False, False, True
        self._turns: deque[Turn] = deque()
        self._lingered, self._unsent = -1, 0

    # ---- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = (transport.get_extra_info("peername") or ("unix",))[0]
        self._parser = RequestParser(self, self._server)
        if not self._server.admit(self):
            self.closing = True
            self.drop()
            return
        self._due_within(self._server.limits.first_byte_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing, self.due = True, 0.0
        self._forget_out()
        self._parser.let_go()
        self._server.forget(self)
        self._server.busy -= bool(self._turns)
        while self._turns:
            turn = self._turns.popleft()
            if turn.served is not None:
                turn.served.abandon("caller left")
            turn.body.fail(CallerError("the caller closed the connection", code="caller_left", status=499))

    def eof_received(self) -> bool | None:
        return None  # a caller that half-closes has left: the transport closes

    def pause_writing(self) -> None:
        self.writable = False
        self._watch_unsent()
        if self._turns and (served := self._turns[0].served) is not None:
            served.hold()

    def resume_writing(self) -> None:
        self.writable = True
        if self.closing:
            return
        if not self._turns:
            self._await_request()
        elif (served := self._turns[0].served) is None:
            self._begin_next()
        else:
            self.busy_until(self._deadline)
            served.release()

    def data_received(self, data: bytes) -> None:
        if self.closing:
            if self._lingered >= 0:
                self._lingered += len(data)
                if self._lingered > LINGER_BYTES:
                    self.drop()
                elif self._lingered > LINGER_RATE * (self._server.now() - self._deadline + LONGEST_LINGER_SECONDS):
                    self._due_within(LINGER_SECONDS)
            return
        parser = self._parser
        if parser.refusal is not None:
            return
        was_in_head = parser.in_head
        if parser.feed(data) is not None:
            self._settle_refusal()
        elif self._turns:
            if self._fresh:
                self._fresh = False
                self._server.app.begin(self._turns[0])
            elif self._turns[-1].body.waiting:
                self._due_within(self._server.limits.body_timeout)
        elif parser.in_head and not was_in_head:
            self._due_within(self._server.limits.head_timeout)

    def take(self, head: RequestHead, body: Body) -> None:
        """The parser has a request: it is next, or waits for those before it."""
        turns = self._turns
        turns.append(Turn(self, head, body))
        if len(turns) == 1:
            self._server.busy += 1
            self._fresh, self.due = True, 0.0
            return
        self.hold_reading()  # what is here already must be answered before more is taken in
        if len(turns) > MAX_PIPELINED:
            turns.pop()
            self._parser.refuse(CallerError("too many requests pipelined", status=429, code="pipelined"))

    # ---- for the body

    def hold_reading(self) -> None:
        """Take nothing more from the socket for now."""
        if self._reading and not self.closing:
            self._reading = False
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def want_body(self) -> None:
        """Read on; a caller that was told to wait is told to continue."""
        if self.closing:
            return
        self._read_on()
        if self._turns:
            if (turn := self._turns[0]).expects:
                turn.expects = False
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._due_within(self._server.limits.body_timeout)

    # ---- writing

    def write(self, data: bytes) -> None:
        """Bytes of the current response."""
        if not self.closing:
            self.put(data)

    def busy_until(self, deadline: float) -> None:
        """The response must end by ``deadline`` (monotonic seconds), or its ``expire`` is called."""
        self._deadline = deadline
        if (self.writable and not (self._turns and self._turns[0].body.waiting)) or deadline < self.due:
            self.due = deadline
            if not 0 < self.wheel_at <= deadline:
                self._server.wheel.watch(self)

    def _due_within(self, seconds: float) -> None:
        """Wait that long for the caller, but no longer than the current response may take."""
        due = self._server.now() + seconds
        self.due = due = self._deadline if 0.0 < self._deadline < due else due
        if not 0.0 < self.wheel_at <= due:
            self._server.wheel.watch(self)

    def finish(self, *, keep_alive: bool) -> None:
        """The current response is written. Goes on with the next request, or closes."""
        if self.closing or not self._turns:
            return
        turn = self._turns.popleft()
        if not self._turns:
            self._server.busy -= 1
        self._deadline = 0.0
        if not turn.body.ended:
            turn.body.cancel("answered before it was here")
            self._linger()
        elif not keep_alive or self._server.stopping:
            self._close()
        elif self._turns:
            asyncio.get_running_loop().call_soon(self._begin_next)  # not from here: many pipelined would nest too deep
        elif self._parser.refusal is not None:
            self._settle_refusal()
        else:
            self._await_request()

    def hand_over(self, successor: Successor) -> None:
        """The present request was an upgrade: the transport, and the place in the server, are the successor's now."""
        self._turns.clear()
        self.closing, self.due = True, 0.0
        self.flush()
        successor.take_over(self, self._transport, self._parser.let_go())

    def abort(self) -> None:
        """Drop the connection at once: the caller must not take a cut answer for a whole one."""
        self.closing = True
        self.drop()  # also when it closes already, but waits for a caller that does not read

    def end_with(self, fail: Fail | None = None) -> None:
        """End the running response with an error (that of a passed deadline), if there is one."""
        if self._turns and (served := self._turns[0].served) is not None:
            served.expire(fail)

    def close_when_idle(self) -> None:
        """For a stopping server: an idle connection ends now, a busy one after its response."""
        if not (self._turns or self.closing):
            self._close()

    def _begin_next(self) -> None:
        """Begin the request that waits, unless the answers before it are still unread or it has begun."""
        if self._turns and self.writable and not self.closing and self._turns[0].served is None:
            self._fresh, self.due = False, 0.0
            self._server.app.begin(self._turns[0])

    def _await_request(self) -> None:
        """Idle; but a caller that does not read its answers may not ask for more of them."""
        if not self.writable:
            self.hold_reading()
            return
        self._read_on()
        limits = self._server.limits
        self._due_within(limits.head_timeout if self._parser.in_head else limits.idle_timeout)

    def _watch_unsent(self) -> None:
        """Twice in a write timeout, look whether the caller takes something of what waits for it."""
        self._unsent = 0
        self._due_within(self._server.limits.write_timeout / 2)

    def _close(self) -> None:
        self.closing = True
        self.flush()
        waits = self.unsent()  # asked first: a TLS transport that was closed already forgets it
        self._transport.close()
        if waits:
            self._watch_unsent()

    def _linger(self) -> None:
        """Close in order although bytes are still coming: end our side, read and drop theirs for a bounded while."""
        self.closing, self._lingered = True, 0
        self._server.busy -= bool(self._turns)
        self._turns.clear()
        self._deadline = self._server.now() + LONGEST_LINGER_SECONDS
        self._due_within(LINGER_SECONDS)
        self._read_on()
        if self._transport.can_write_eof():
            self.flush()
            self._transport.write_eof()

    # ---- refusals

    def _settle_refusal(self) -> None:
        """Answer a refused request, once those before it are answered."""
        fail = self._parser.refusal
        assert fail is not None
        if self._turns:
            turn = self._turns[-1]
            if not turn.body.ended:  # the refusal is of this very request: its body is malformed
                turn.body.fail(fail)
            if self._fresh:
                self._fresh = False
                self._server.app.begin(self._turns[0])
            return
        self.put(self._server.app.refuse(fail, self._parser.target, self._parser.fields))
        self._linger()

    # ---- deadlines

    def expire(self, now: float) -> None:
        """The wheel calls this when the state's deadline has passed."""
        served = self._turns[0].served if self._turns and not self.closing else None
        if served is not None and 0 < self._deadline <= now:  # however slowly the caller still sends or reads
            served.expire()
        elif self.closing or not self.writable:
            if (unsent := self.unsent()) and (not self._unsent or unsent < self._unsent):
                self._unsent = unsent
                self._due_within(self._server.limits.write_timeout / 2)
            else:
                self.abort()
        elif self._reading and self.unread():  # it has come: the loop was too busy to take it
            self._due_within(LATE_SECONDS)
        elif self._turns:
            if (body := self._turns[-1].body).waiting:
                body.fail(CallerError("the body stopped arriving", status=408, code="body_timeout"))
            else:
                self.due = self._deadline
        elif self._parser.in_head:
            self._parser.refuse(CallerError("the head did not arrive in time", status=408, code="head_timeout"))
            self._settle_refusal()
        else:
            self._close()

    def __repr__(self) -> str:
        return f"<Connection {self.peer} {'closing' if self.closing else 'open'} {len(self._turns)} turns>"

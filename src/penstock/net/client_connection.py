"""One connection to an upstream: a request out, a response in, then idle in its pool or closed.

``send`` writes a request and gives a future of its ``Response``, resolved once the head is here (with the whole body,
when that came along). The Response is a Source of body bytes. Aborting or cancelling closes the socket at once.
Fails with UpstreamError naming the phase: ``send``, ``headers`` or ``body``. A 101 ends it: the socket is ``Upgraded``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import httptools

from penstock.core.call import Headers
from penstock.core.errors import Fail
from penstock.core.fiber import Promise
from penstock.core.lane import Lane
from penstock.core.reply import Source
from penstock.net.repeated_head import RepeatedHead, learn
from penstock.net.response import MAX_HEAD_BYTES, Response, ResponseHead, Switched
from penstock.net.tcp_info import bound_receiving, bytes_acked
from penstock.net.upgraded import Upgraded
from penstock.net.upload import Upload, Uploading

if TYPE_CHECKING:
    from penstock.net.client import Origin

JOINED_BYTES: Final = 16 * 1024
"""A body up to this size is joined to its head: copying it is cheaper than a second buffer."""
_SILENT = ("did not begin to answer in time", "headers", "upstream_timeout")
_STALLED = ("stopped in the middle of its answer", "body", "upstream_stalled")
INTERIM: Final = frozenset({100, 102, 103})
"""Of these llhttp knows that no body follows, whatever their fields say."""


class Untouched(Exception):
    """The connection had died before any byte of the request reached the peer: sending it again is safe."""


class ClientConnection(Uploading):
    """See the module. Belongs to one Origin for life; carries one exchange at a time; ``again``: may be sent anew."""

    __slots__ = (
        "_begun", "_close_delimited", "_complete", "_fields", "_head", "_head_bytes", "_in_chunk", "_keep", "_length",
        "_parser", "_parts", "_repeat", "_response", "_sent_before", "again", "born", "lane", "upgrades", "used",
        "waiter", "wheel_at",
    )  # fmt: skip

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin)
        self._origin = origin
        self.waiter: Promise[Response] | None = None
        self._response: Response | None = None
        self._parts: list[bytes] = []
        self._fields: Headers = []
        self._head: ResponseHead | None = None
        self._repeat: RepeatedHead | None = None
        self._length: bytes | None = None
        self._keep = True
        self._head_bytes = self._sent = self._sent_before = self.used = 0
        self._begun = self._in_chunk = self._complete = self._close_delimited = self.closed = self.upgrades = False
        self.again = False
        self._idle_timeout = self.born = self.due = self.wheel_at = 0.0
        self._upload: Upload | None = None
        self.lane: Lane | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        bound_receiving(transport.get_extra_info("socket"))
        self._parser: Any = httptools.HttpResponseParser(self)
        self.born = self._origin.now()

    # ---- sending

    def send(self, head: bytes, body: bytes | Source, *, head_timeout: float, idle_timeout: float) -> Promise[Response]:
        """Write a request; ``head`` is complete. A body that is a Source is framed as ``head`` announces."""
        waiter = self.waiter = Promise(self._origin.loop)
        self.used += 1
        self._complete = False
        self._idle_timeout = idle_timeout
        self._sent_before = self._sent
        if isinstance(body, bytes):
            self._sent += len(head) + len(body)
            if len(body) <= JOINED_BYTES:
                self.put(head + body)
            else:
                self.put(head)
                self.put(body)
        else:
            self._sent += len(head)
            self.put(head)
            self._upload = Upload(self, body, chunked=head.endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n"))
            body.start(self._upload)
        self.due = due = self._origin.now() + head_timeout
        if not 0 < self.wheel_at <= due:
            self._origin.wheel.watch(self)
        return waiter

    # ---- receiving

    def data_received(self, data: bytes) -> None:
        lane = self.lane
        if lane is not None and (taken := lane.take(data)):
            self.due = self._origin.now() + self._idle_timeout if self._reading else 0.0
            if taken == len(data):
                return
            data = data[taken:]
        waiter = self.waiter
        # An upstream that speaks unasked is out of step; and where its caller left in this very turn of the loop nobody
        # may be given this connection.
        if self._response is None if waiter is None else waiter.done():
            self.abort()
            return
        whole = None if self._repeat is None or self._begun else self._repeat.answer(data)
        if whole is not None and waiter is not None:
            self.waiter = None
            self._release(whole)
            waiter.set_result(whole)
            return
        head = None if self._begun else self._head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            phase = "body" if self._response else "headers"
            self.fail(self._origin.failed(f"sent malformed HTTP ({error.__context__ or error})", phase))
            return
        if lane is not None:
            lane.look(data, in_chunk=self._in_chunk)
        response = self._response
        if response is None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.fail(self._origin.failed(f"sent a head of over {MAX_HEAD_BYTES} bytes", "headers"))
            return
        self.waiter = None
        if self._parts:
            parts, self._parts = self._parts, []
            self._head_bytes = 0
            response.deliver(parts)
        else:  # trailers or chunk extensions
            self._head_bytes += len(data)
        if self._complete:
            if head is response.head and self._keep and response.length is not None:
                self._repeat = learn(data, head)  # it has come twice: heads that always differ cost nothing here
            self._release(response)
        elif self._head_bytes > MAX_HEAD_BYTES:
            self.fail(self._origin.failed(f"sent over {MAX_HEAD_BYTES} bytes of trailers or chunk extensions", "body"))
        else:
            self.due = self._origin.now() + self._idle_timeout if self._reading else 0.0
            if waiter is not None:
                self._origin.wheel.watch(self)  # it may be nearer than that of the head was
        if waiter is not None:
            waiter.set_result(response)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._response is not None:
            return  # a trailer, which nobody is told of
        name = name.lower()
        if name == b"content-length":
            self._length = value
        elif name != b"date":  # the caller gets ours
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        if status < 200 and (status != 101 or self._response or not (self.upgrades and self._parser.should_upgrade())):
            if status not in INTERIM:
                raise ValueError(f"status {status} is not known here")
            self._length = None
            return  # the answer is still to come
        self._head_bytes = 0
        if self._response is not None:
            self._keep = False  # two answers to one request: the second is nobody's
            return
        head = self._head
        if head is None or head.headers != fields or head.status != status:
            head = self._head = ResponseHead(status, fields)
        length, self._length = self._length, None
        self._response = Response(self, head, None if length is None else int(length))
        self._keep = self._parser.should_keep_alive() and not self.upgrades
        self._close_delimited = length is None and not head.chunked and status not in (204, 304)

    def on_chunk_header(self) -> None:
        self._in_chunk = True

    def on_chunk_complete(self) -> None:
        self._in_chunk = False

    def on_body(self, chunk: bytes) -> None:
        if not self._complete:
            self._parts.append(chunk)

    def on_message_begin(self) -> None:
        self._begun = True

    def on_message_complete(self) -> None:
        self._begun = False
        if self._response is not None:
            self._complete = True

    def _switch(self, early: bytes) -> None:
        """The upstream took the upgrade. The socket still counts as one of its origin's."""
        waiter, response, origin = self.waiter, self._response, self._origin
        assert waiter is not None
        assert response is not None
        self.waiter = self._response = None
        self.closed, self.due = True, 0.0
        self._parser = None
        upgraded = Upgraded(origin, self._transport, early, lambda: origin.forget(self))
        waiter.set_result(Switched(response.head, upgraded))

    def _release(self, response: Response) -> None:
        """The answer is whole: the connection is free before anybody reads the answer."""
        self._response = self.lane = None
        response.finish(None)
        if not self._reading:
            self.read_on()
        if self._keep and self._upload is None and not self.closed:
            self._origin.give_back(self)
        else:
            self.abort()

    # ---- ends

    def eof_received(self) -> bool | None:
        if self.waiter is not None and self.used > 1 and self._origin.tls is None:
            acked = bytes_acked(self._transport.get_extra_info("socket"))
            if acked is not None and acked <= self._sent_before + 1:
                self.fail(Untouched())  # the peer's TCP took in nothing of the request: nobody can have acted on it
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._forget_out()
        self.due = 0.0
        response = self._response
        if response is not None and self._close_delimited and exc is None:
            self._response = self.lane = None
            response.finish(None)
        elif response is not None or self.waiter is not None:
            how = "reset the connection" if exc is not None else "closed the connection"
            when = "in the middle of the answer" if response is not None else "before answering"
            self.fail(self._origin.failed(f"{how} {when}", "body" if response is not None else "headers"))
        self._parser = None  # it refers to us: the collector would have to come for each closed connection
        self._origin.forget(self)

    def expire(self, now: float) -> None:
        if self.waiter is None and self._response is None:
            self.abort()
            return
        what, phase, code = _SILENT if self.waiter is not None else _STALLED
        self.fail(self._origin.failed(what, phase, status=504, code=code))

    def fail(self, error: Fail | Untouched) -> None:
        waiter, self.waiter = self.waiter, None
        response, self._response = self._response, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        elif response is not None and isinstance(error, Fail):
            if self._parts:
                parts, self._parts = self._parts, []
                response.deliver(parts)
            response.finish(error)
        self.abort()

    def abort(self) -> None:
        """Close at once, whatever is under way; nothing more is told to anybody."""
        self.waiter = self._response = self.lane = None
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.source.cancel("upstream connection closed")
        if not self.closed:
            self.closed = True
            self.drop()

    # ---- reading

    def hold_reading(self) -> None:
        if self._reading and not self.closed:
            self._reading = False
            self.due = 0.0
            self._transport.pause_reading()

    def read_on(self) -> None:
        if not self._reading and not self.closed:
            self._reading = True
            self._transport.resume_reading()
            self.due = self._origin.now() + self._idle_timeout
            self._origin.wheel.watch(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "waiting" if self.waiter else "reading" if self._response else "idle"
        return f"<ClientConnection {state} used {self.used}>"

"""Bytes of one connection to checked requests: llhttp parses, ``HeadReader`` checks what it leaves open.

Each head becomes ``connection.take(head, body)``; the body is fed as it arrives. What is malformed or over a bound
becomes ``refusal``, after which nothing more is parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import httptools

from penstock.core.call import Headers
from penstock.core.errors import CallerError, Fail
from penstock.net.http_head import RequestHead, body_length
from penstock.net.repeated_request import RepeatedRequest, learn
from penstock.net.request_body import Body, Intake

if TYPE_CHECKING:
    from penstock.net.server import Server

READ_BYTES: Final = 256 * 1024
"""The most that one read of a socket gives. A head that begins behind a body in one read cannot be told apart from
it by size: it is granted this much before the bound is applied. Whole heads are measured exactly."""


class Taking(Intake, Protocol):
    """What takes the requests."""

    def take(self, head: RequestHead, body: Body) -> None: ...


class RequestParser:
    """See the module. ``in_head`` while part of a head is here; ``target`` and ``fields`` are those parsed last;
    ``beyond`` is what came behind a request to upgrade, of which nothing is parsed any more.

    A keep-alive caller that sends the very same head again, but for the digits of its Content-Length, with its body in
    the same read, is recognised without parsing (``_again``). What parsed once parses the same again, as long as the
    parser stands exactly between two requests: ``_between`` is true only while every read since the connection began
    held exactly one whole request.
    """

    __slots__ = (
        "_between",
        "_body",
        "_connection",
        "_declined",
        "_head",
        "_length",
        "_llhttp",
        "_repeat",
        "_server",
        "_upgraded",
        "_waiting_bytes",
        "beyond",
        "fields",
        "in_head",
        "refusal",
        "target",
    )

    def __init__(self, connection: Taking, server: Server) -> None:
        self._connection: Any = connection  # a Taking
        self._server = server
        self._llhttp: Any = httptools.HttpRequestParser(self)
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._length: bytes | None = None
        self._waiting_bytes = 0
        self._repeat: RepeatedRequest | None = None
        self._between = True
        self._declined = self._upgraded = False
        self.in_head = False
        self.target = b""
        self.fields: Headers = []
        self.refusal: Fail | None = None
        self.beyond = b""

    def feed(self, data: bytes) -> Fail | None:
        """Parse the next bytes of the connection. The reason, if they are refused."""
        if self._between:
            if self._repeat is not None and self._again(data, self._repeat):
                return None
            self._between = False
            self._parse(data)
            if self._body is None and not self.in_head and self.refusal is None and not self._upgraded:
                self._note_repeat(data)
        else:
            self._parse(data)
        return self.refusal

    def let_go(self) -> bytes:
        """Nothing more comes. What refers to us goes, or each closed connection would wait for the collector. Returns
        ``beyond``."""
        self._llhttp = self._connection = None
        return self.beyond

    def _again(self, data: bytes, repeat: RepeatedRequest) -> bool:
        """Whether ``data`` is exactly one more request with the head of ``repeat``; then it is taken."""
        whole = repeat.body(data)
        if whole is None:
            return False
        body = Body(self._connection, len(whole))
        body.fill(whole)
        self._connection.take(repeat.head, body)
        return True

    def _note_repeat(self, data: bytes) -> None:
        """After a read that may have held exactly one request: if so we are between requests, and may meet it again."""
        head = self._head
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or head is None or head.chunked or len(data) - end != int(self._length or 0):
            return
        self._between = True
        self._repeat = learn(data, end, head) or self._repeat

    def _parse(self, data: bytes) -> None:
        if self._upgraded:
            # Nobody may speak before the upgrade is answered; who does is not heard out.
            self.beyond += data
            if len(self.beyond) > self._server.limits.max_head:
                self._connection.hold_reading()
            return
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if self._declined:
                self._decline()
                self._parse(rest)
                return
            self._upgraded = True
            self.beyond = rest
        except httptools.HttpParserError as error:
            self.refuse(CallerError(f"malformed HTTP: {error}", code="malformed_http"))
        if self.in_head or self._body is not None:
            # Of a body only bytes without any content count: chunk extensions and trailers without end.
            self._waiting_bytes += len(data)
            if self._waiting_bytes > self._server.limits.max_head:
                self.refuse(self._too_large())

    def _decline(self) -> None:
        """An upgrade that is not taken is a request like any other (RFC 9110, 7.8): clients offer HTTP/2 so, with the
        body of a call behind. llhttp reads nothing behind such a head; another reads on from the end of it."""
        self._declined = False
        assert self._body is not None
        length = self._body.length
        self._llhttp = httptools.HttpRequestParser(_Behind(self))
        framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
        self._llhttp.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)

    def refuse(self, fail: Fail) -> None:
        """Take nothing more; the first reason stands."""
        if self.refusal is None:
            self.refusal = fail

    # ---- llhttp

    def on_url(self, url: bytes) -> None:
        if not self.in_head:
            self.in_head = True
            self.target = b""
            self.fields = []
            self._length = None
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer: must not pass for a field of the head that was checked (RFC 9110, 6.5.1)
        name = name.lower()
        if name == b"content-length":
            if self._length is not None:
                self.refuse(CallerError("there is more than one Content-Length", code="bad_framing"))
            self._length = value
            return
        fields = self.fields
        fields.append((name, value))
        if len(fields) > self._server.limits.max_fields:
            self.refuse(self._too_large())

    def on_headers_complete(self) -> None:
        self.in_head = False
        self._waiting_bytes = -READ_BYTES
        if self.refusal is not None:
            return
        llhttp = self._llhttp
        method = llhttp.get_method().decode()
        version = llhttp.get_http_version()
        head = self._head
        try:
            if (
                head is None
                or self.fields != head.headers
                or self.target != head.target
                or method != head.method
                or version != head.version
            ):
                head = self._read_head(method, version)
            length = self._length
            announced = None if head.chunked else 0 if length is None else body_length(length)
        except Fail as fail:
            self.refuse(fail)
            return
        body = self._body = Body(self._connection, announced)
        if head.upgrade:
            self._declined = llhttp.should_upgrade() and (announced != 0 or not _is_handshake(head))
        self._connection.take(head, body)

    def _read_head(self, method: str, version: str) -> RequestHead:
        """Check a head that differs from the last one on this connection."""
        fields = self.fields
        size = sum([len(name) + len(value) + 4 for name, value in fields])
        if size + len(self.target) > self._server.limits.max_head:
            raise self._too_large()
        head = self._head = self._server.heads.read(method, self.target, version, fields)
        if _is_handshake(head) and self._llhttp.should_upgrade():
            head.keep_alive = False
        return head

    def on_body(self, chunk: bytes) -> None:
        if self.refusal is None and self._body is not None:
            self._waiting_bytes = -READ_BYTES
            self._body.feed(chunk)

    def on_message_complete(self) -> None:
        if self._declined:
            return
        body, self._body = self._body, None
        if self.refusal is None and body is not None:
            body.finish()

    def _too_large(self) -> CallerError:
        limits = self._server.limits
        return CallerError(
            f"the head of the request is over {limits.max_head} bytes or {limits.max_fields} fields",
            status=431,
            code="head_too_large",
        )

    def __repr__(self) -> str:
        state = "refused" if self.refusal else "in a head" if self.in_head else "between"
        return f"<RequestParser {state}>"


def _is_handshake(head: RequestHead) -> bool:
    """Whether what follows may be another protocol: the one that is offered here is WebSocket."""
    return head.upgrade == b"websocket" and head.method == "GET"


class _Behind:
    """The callbacks of an llhttp that was fed a head of our making: what it says of that one is dropped."""

    def __init__(self, parser: RequestParser) -> None:
        self._parser = parser
        self._ours = True
        self.on_body = parser.on_body
        self.on_message_complete = parser.on_message_complete

    def on_url(self, url: bytes) -> None:
        if not self._ours:
            self._parser.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._ours:
            self._parser.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._ours:
            self._ours = False
        else:
            self._parser.on_headers_complete()

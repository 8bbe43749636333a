"""Heads of HTTP/1.1 messages: the checks that llhttp leaves open, and the writing of response heads. Pure.

A request head enters as parsed parts and leaves as a ``RequestHead``, or a CallerError says what is wrong with it
(RFC 9112 sections 3 and 6, RFC 9110 section 7). ``response_head`` turns a status and fields into bytes.
"""

from __future__ import annotations

import http
import re
from typing import Any

from penstock.core.call import Headers
from penstock.core.errors import CallerError

MAX_TARGET_BYTES = 8192

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,253})(?::[0-9]{1,5})?")
_PATH = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*")
_QUERY = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]|^{}\"\\`]*")
_MODEL_PATH = re.compile(rb"(?:/v1)?/models/[A-Za-z0-9\-._~:@%]+")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%2[fF]|%5[cC]|%00|%2[eE]")
_BAD_ESCAPE_IN_MODEL = re.compile(rb"%(?![0-9A-Fa-f]{2})|%5[cC]|%00|%2[eE]")
_SPECIAL = frozenset((b"host", b"connection", b"transfer-encoding", b"expect", b"upgrade", b"x-forwarded-for"))


class RequestHead:
    """What the head of a request says, but for the length of its body. ``path`` is in normal form; ``host`` as sent.

    A connection that sends the same head again gets the same object again: nobody writes to it but to ``memo``, which
    keeps what was derived from it.
    """

    __slots__ = (
        "chunked",
        "expect",
        "forwarded",
        "headers",
        "host",
        "http11",
        "keep_alive",
        "memo",
        "method",
        "path",
        "query",
        "target",
        "upgrade",
        "version",
    )

    def __init__(self, method: str, target: bytes, path: str, query: bytes, headers: Headers, *, http11: bool) -> None:
        self.method = method
        self.target = target
        self.path = path
        self.query = query
        self.headers = headers
        self.http11 = http11
        self.host = b""
        self.keep_alive = http11
        self.version = "1.1" if http11 else "1.0"
        self.memo: dict[Any, Any] = {}
        self.chunked = False
        self.expect = False
        self.upgrade = b""
        self.forwarded = b""

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.path}>"


def body_length(value: bytes) -> int:
    """The number of bytes that a Content-Length announces. Raises CallerError 400."""
    if not value.isdigit() or len(value) > 15:
        raise CallerError("Content-Length is not a number", code="bad_framing")
    return int(value)


class HeadReader:
    """Checks request heads. Remembers targets and hosts already found good (bounded), since they repeat."""

    def __init__(self, remembered: int = 256) -> None:
        self._targets: dict[bytes, tuple[str, bytes]] = {}
        self._hosts: set[bytes] = set()
        self._remembered = remembered

    def read(self, method: str, target: bytes, version: str, headers: Headers) -> RequestHead:
        """The checked head. Raises CallerError (400, 405, 414, 417, 501 or 505)."""
        if version not in ("1.1", "1.0"):
            raise CallerError(f"HTTP/{version} is not spoken here; use HTTP/1.1", status=505, code="http_version")
        if method == "CONNECT":
            raise CallerError("CONNECT is not offered", status=405, code="method_not_allowed", allow="GET, POST")
        path, query, authority = self._target(method, target)
        head = RequestHead(method, target, path, query, headers, http11=version == "1.1")
        hosts = 0
        for name, value in headers:
            if name in _SPECIAL:
                if name == b"host":
                    hosts += 1
                    head.host = value
                else:
                    _note(head, name, value)
        self._check_host(head, hosts, authority)
        if head.chunked and not head.http11:
            raise CallerError("Transfer-Encoding is not part of HTTP/1.0", code="bad_framing")
        return head

    def _check_host(self, head: RequestHead, hosts: int, authority: bytes | None) -> None:
        if hosts > 1 or (hosts == 0 and head.http11):
            raise CallerError(f"a request must have exactly one Host field; this one has {hosts}", code="bad_host")
        if hosts and head.host not in self._hosts:
            if not _HOST.fullmatch(head.host):
                raise CallerError("the Host field is not a host name with an optional port", code="bad_host")
            if len(self._hosts) >= self._remembered:
                self._hosts.clear()
            self._hosts.add(head.host)
        if authority is not None:
            head.host = authority

    def _target(self, method: str, target: bytes) -> tuple[str, bytes, bytes | None]:
        known = self._targets.get(target)
        if known is not None:
            return known[0], known[1], None
        path, query, authority = split_target(method, target)
        if authority is None and path != "*":
            if len(self._targets) >= self._remembered:
                self._targets.clear()  # else the first callers to make up enough of them would keep out all others
            self._targets[target] = (path, query)
        return path, query, authority


def split_target(method: str, target: bytes) -> tuple[str, bytes, bytes | None]:
    """``(path, query, authority)`` of a request target in origin, absolute or asterisk form.

    Raises CallerError 414 when it is too long, and 400 unless its path is in normal form already: it begins with
    ``/`` and holds no ``//``, dot segment, backslash, or escaped slash or dot.
    """
    if len(target) > MAX_TARGET_BYTES:
        raise CallerError(f"the request target is over {MAX_TARGET_BYTES} bytes", status=414, code="uri_too_long")
    if target == b"*" and method == "OPTIONS":
        return "*", b"", None
    authority = None
    lower = target[:8].lower()
    if lower.startswith((b"http://", b"https://")):
        rest = target.split(b"://", 1)[1]
        authority, slash, path = rest.partition(b"/")
        target = slash + path if slash else b"/"
        if not _HOST.fullmatch(authority):
            raise CallerError("the request target names no proper host", code="bad_target")
    path, _, query = target.partition(b"?")
    if b"//" in path:
        raise CallerError("the path holds '//': look for a doubled slash in the base URL", code="bad_path")
    segments = path.split(b"/")
    # Ids of models hold slashes ("org/name"), and clients escape them: the one place where %2F is meant.
    bad_escape = _BAD_ESCAPE_IN_MODEL if _MODEL_PATH.fullmatch(path) else _BAD_ESCAPE
    if (
        not path.startswith(b"/")
        or not _PATH.fullmatch(path)
        or bad_escape.search(path)
        or b"." in segments
        or b".." in segments
    ):
        raise CallerError("the path is not in normal form (RFC 3986, 6.2.2)", code="bad_path")
    if not _QUERY.fullmatch(query):
        raise CallerError("the query holds characters that a URI may not", code="bad_query")
    return path.decode("ascii"), query, authority


def _note(head: RequestHead, name: bytes, value: bytes) -> None:
    if name == b"transfer-encoding":
        if value.lower() != b"chunked" or head.chunked:
            raise CallerError("the only transfer coding offered is chunked, once", status=501, code="bad_framing")
        head.chunked = True
    elif name == b"connection":
        tokens = [token.strip() for token in value.lower().split(b",")]
        if b"close" in tokens:
            head.keep_alive = False
        elif b"keep-alive" in tokens and not head.http11:
            head.keep_alive = True
    elif name == b"expect":
        if value.lower() != b"100-continue":
            raise CallerError("the only expectation understood is 100-continue", status=417, code="bad_expect")
        head.expect = head.http11
    elif name == b"upgrade":
        head.upgrade = value.lower()
    elif name == b"x-forwarded-for":
        head.forwarded = head.forwarded + b", " + value if head.forwarded else value


STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}


def status_line(status: int) -> bytes:
    """The first line of a response."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def field_lines(headers: Headers) -> bytes:
    """Fields as they are written."""
    return b"".join([b"%b: %b\r\n" % field for field in headers])


def response_head(status: int, lines: list[bytes]) -> bytes:
    """A response head. ``lines`` are ``name: value\\r\\n`` as bytes."""
    return status_line(status) + b"".join(lines) + b"\r\n"

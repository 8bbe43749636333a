"""Which header fields pass: from the caller to an upstream, and from an upstream to the caller.

Enters: fields as received. Leaves: those that may go on, byte for byte. Stopped are fields about one connection
(RFC 9110, 7.6.1), credentials both ways, what tells of the caller's or the upstream's network, and ``x-penstock-*``.
May fail: CallerError 400 for a field of ours that does not exist or a value that would break the message apart.
A ``memo`` that the owner keeps between calls makes the decision about a name once; it is bounded here.
"""

from __future__ import annotations

import re

from penstock.core.call import Headers
from penstock.core.errors import CallerError

Memo = dict[bytes, bytes]
"""Names seen before: ``name: `` if the field passes, else nothing. One for each direction."""

MOST_NAMES = 1024
_MOST_NAME_BYTES = 64

OWN = frozenset(
    b"x-penstock-" + name
    for name in (
        b"cache",
        b"session",
        b"priority",
        b"deadline-ms",
        b"tags",
        b"resume",
        b"lossy",
        b"classification",
        b"degrade",
    )
)
"""The fields of ours that a caller may send."""

_HOP = frozenset(
    (
        b"connection",
        b"content-length",
        b"http2-settings",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_NOT_FORWARDED = _HOP | {
    b"accept-encoding",  # taps read what flows
    b"authorization",
    b"cf-connecting-ip",
    b"cookie",
    b"cookie2",
    b"expect",
    b"forwarded",
    b"host",
    b"openai-organization",  # they choose whose account of the operator's key pays
    b"openai-project",
    b"true-client-ip",
    b"via",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-goog-user-project",  # whose account pays, again
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-url",
    b"x-real-ip",
    b"x-request-id",
    b"x-rewrite-url",
}
_NOT_RETURNED = _HOP | {
    b"alt-svc",
    b"authorization",
    b"content-location",
    b"date",
    b"location",
    b"nel",
    b"openai-organization",
    b"openai-project",
    b"refresh",
    b"report-to",
    b"request-id",
    b"server",
    b"set-cookie",
    b"set-cookie2",
    b"strict-transport-security",
    b"via",
    b"www-authenticate",
    b"x-powered-by",
    b"x-request-id",
}
_CREDENTIAL = re.compile(rb"api-?key|(?:access|auth|id|secret|security|session)-?token|secret|passw")
_USUAL = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close"))  # values of Connection that name no field


def _forwards(name: bytes) -> bool:
    # Servers that map names to variables take "x_user" for "x-user".
    return not (
        name in _NOT_FORWARDED
        or name.startswith((b"x-forwarded-", b"x-penstock-", b"proxy-"))
        or b"_" in name
        or _CREDENTIAL.search(name)
    )


def _returns(name: bytes) -> bool:
    return not (
        name in _NOT_RETURNED
        or name.startswith((b"access-control-", b"x-penstock-", b"proxy-"))
        or _CREDENTIAL.search(name)
    )


def _learn(memo: Memo, name: bytes, passes: bool) -> bytes:
    start = name + b": " if passes else b""
    if len(name) <= _MOST_NAME_BYTES:
        if len(memo) >= MOST_NAMES:
            memo.clear()  # else whoever makes up enough names would keep out all others for good
        memo[name] = start
    return start


def _named_by_connection(headers: Headers) -> set[bytes]:
    """The names that Connection fields declare to be about this connection only; Connection itself is one."""
    named = {b"connection"}
    for name, value in headers:
        if name.lower() == b"connection":
            named.update(token.strip(b" \t").lower() for token in value.split(b","))
    return named


def forwardable(headers: Headers, memo: Memo | None = None) -> bytes:
    """The fields that go to an upstream, as ready ``name: value`` lines. Raises CallerError for a broken value."""
    if memo is None:
        memo = {}
    known = memo.get
    lines: list[bytes] = []
    for name, value in headers:
        start = known(name)
        if start is None:
            start = _learn(memo, name, _forwards(name.lower()))
        if start:
            lines.append(start + value)
        elif value not in _USUAL and name.lower() == b"connection":
            named = _named_by_connection(headers)
            return forwardable([field for field in headers if field[0].lower() not in named], memo)
    if not lines:
        return b""
    lines.append(b"")
    block = b"\r\n".join(lines)
    if len(block) - len(block.translate(None, b"\r\n\0")) != 2 * len(lines) - 2:
        raise CallerError("a header field holds a line break or NUL", code="invalid_header")
    return block


def returnable(headers: Headers, memo: Memo | None = None) -> Headers:
    """The fields of an upstream's answer that the caller gets. Framing is the edge's."""
    if memo is None:
        memo = {}
    known = memo.get
    kept: Headers = []
    for field in headers:
        name, value = field
        passes = known(name)
        if passes is None:
            passes = _learn(memo, name, _returns(name.lower()))
        if passes:
            kept.append(field)
        elif value not in _USUAL and name.lower() == b"connection":
            named = _named_by_connection(headers)
            return returnable([field for field in headers if field[0].lower() not in named], memo)
    return kept


def check_own(headers: Headers) -> None:
    """Raises CallerError for a field named ``x-penstock-*`` that does not exist: a typo must not pass in silence."""
    for name, _ in headers:
        if name >= b"x-penstock-" and name.startswith(b"x-penstock-") and name not in OWN:
            shown = name[:64].decode("ascii", "replace")
            allowed = ", ".join(sorted(own.decode() for own in OWN))
            raise CallerError(
                f"unknown header field {shown!r}; those that exist are {allowed}", code="unknown_header", param=shown
            )

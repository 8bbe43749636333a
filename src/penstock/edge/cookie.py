"""The cookie that names a session, and whether a request with it comes from our own page. Pure.

Enters: header fields. Leaves: the token, or None where none was sent. May fail: CallerError 403 for a cookie that
another page made a browser send. What tells our page: a field that no page can set for another's address without being
asked for it (``x-penstock-ui``), and what the browser itself says of where the request comes from.
"""

from __future__ import annotations

import re

from penstock.core.call import Headers
from penstock.core.errors import CallerError

OWN_FIELD = b"x-penstock-ui"
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")
_KEY_FIELDS = (b"authorization", b"x-api-key", b"api-key")
LONGEST_COOKIES = 8192


def cookie_name(host: bytes) -> bytes:
    """The cookie of the gateway that is called ``host``. Cookies do not tell ports apart, so the name does."""
    port = host.rpartition(b":")[2]
    return b"penstock-ui-" + (port if port.isdigit() else b"web")


def session_token(headers: Headers) -> bytes | None:
    """The token of our cookie, if there is one and no key was sent beside it. Raises CallerError."""
    found: bytes | None = None
    host = b""
    cookies: list[bytes] = []
    for name, value in headers:
        if name in _KEY_FIELDS:
            return None  # a key says more plainly who calls
        if name == b"cookie":
            cookies.append(value)
        elif name == b"host":
            host = value
    wanted = cookie_name(host)
    for cookie in cookies:
        for pair in cookie[:LONGEST_COOKIES].split(b";"):
            name, _, value = pair.strip().partition(b"=")
            if name == wanted and found is None and _TOKEN.fullmatch(value):
                found = value
    if found is not None:
        check_own_page(headers)
    return found


def check_own_page(headers: Headers) -> None:
    """Raises CallerError for what does not come from our own page."""
    fields = dict(headers)
    host = fields.get(b"host", b"")
    origin = fields.get(b"origin")
    site = fields.get(b"sec-fetch-site", b"same-origin")
    if (
        OWN_FIELD not in fields
        or site != b"same-origin"
        or (origin is not None and (not host or origin.partition(b"://")[2].lower() != host.lower()))
    ):
        raise CallerError(
            "this is for the gateway's own page only: its cookie counts there and nowhere else. A proxy in front must"
            " pass the Host field on as the browser sent it",
            status=403,
            code="foreign_origin",
        )


def new_cookie(headers: Headers, token: str, seconds: float, tls: bool) -> bytes:
    """The field that gives a browser ``token``. ``Secure`` where the page came by TLS, from us or from a proxy."""
    fields = dict(headers)
    secure = tls or fields.get(b"origin", b"").startswith(b"https://")
    return b"%b=%b; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%b" % (
        cookie_name(fields.get(b"host", b"")),
        token.encode(),
        int(seconds),
        b"; Secure" if secure else b"",
    )

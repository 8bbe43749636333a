"""What Penstock sends out of itself, to an address that its operator configured: one POST at a time, or a few.

Enters: a URL with fields and bodies. Leaves: a status, the ``Retry-After`` in seconds, and the answer if it is short.
No redirect is followed, and nothing of an answer is trusted. Fails with the client's Fail, or TimeoutError; neither
repeats the URL, which may hold a secret.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from penstock.core.call import Headers
from penstock.core.deadlines import Wheel
from penstock.core.reply import collect
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from penstock.net.tls import client_context

MOST_ANSWER_BYTES = 64 * 1024
CONNECTIONS = 4
LONGEST_RETRY_AFTER = 3600.0
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OWNED = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})


class Answer(NamedTuple):
    """``after``: seconds that it asks to wait, None where it does not say."""

    status: int
    after: float | None
    body: bytes


class Outward:
    """See the module. ``name`` stands in errors. Raises OSError or ssl.SSLError for a ``ca_file`` that does not fit."""

    def __init__(
        self, name: str, url: str, *, wheel: Wheel, names: Names, now: Callable[[], float], ca_file: str | None = None
    ) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host = parts.hostname or ""
        port = parts.port or (443 if secure else 80)
        tls = client_context(ca_file) if secure else None
        reach = Reach(host, port, tls, max_connections=CONNECTIONS, queue=CONNECTIONS, max_idle=30.0)
        self._origin = Origin(name, reach, wheel=wheel, names=names, now=now)
        self._host = parts.netloc.rpartition("@")[2].encode()
        self._target = (parts.path or "/").encode() + (b"?" + parts.query.encode() if parts.query else b"")

    async def post(self, headers: Headers, body: bytes, within: float) -> Answer:
        """Send ``body``; wait for the whole answer, ``within`` seconds in all."""
        fields = b"".join([b"%b: %b\r\n" % field for field in headers])
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b\r\n" % (
            self._target, self._host, len(body), fields,
        )  # fmt: skip
        async with asyncio.timeout(within):
            response = await self._origin.request(head, body, Patience(within, within, within))
            try:
                answer = await collect(response, MOST_ANSWER_BYTES)
            except OverflowError:
                answer = b""
        return Answer(response.status, retry_after(response.headers), answer)

    def close(self) -> None:
        """Let go of idle connections."""
        self._origin.close()

    def __repr__(self) -> str:
        return f"<Outward {self._origin!r}>"


def retry_after(headers: Headers) -> float | None:
    """Seconds in a ``Retry-After``, bounded; a date is not understood."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) <= 9:
            return min(float(value), LONGEST_RETRY_AFTER)
    return None


def address_problem(url: str) -> str:
    """What is wrong with a URL to send to; "" for nothing. Repeats nothing of it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "must be a URL such as https://host/path"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be a URL that begins with http:// or https://"
    if "@" in parts.netloc:
        return "must hold no user and password; give them as a header"
    if port == 0 or parts.fragment or not url.isascii() or any(character <= " " for character in url):
        return "must be a plain URL, without spaces or a fragment"
    return ""


def field_problem(name: str, value: str) -> str:
    """What is wrong with a header field to send; "" for nothing."""
    if not _FIELD.fullmatch(name):
        return "must be the name of a header field"
    if name.lower() in _OWNED:
        return f"{name.lower()} is set by Penstock itself"
    if any(character < " " or character == "\x7f" for character in value):
        return "must hold no control characters"
    return ""

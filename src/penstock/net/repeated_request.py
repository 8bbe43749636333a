"""A head of requests that a keep-alive caller sends again and again: known by its bytes, but for its length. Pure.

Enters: a read of the socket that held exactly one request, and the head that it was parsed to; then further reads.
Leaves: the body in one that holds exactly one more request with that head; None for any other, which is for the parser.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.net.http_head import RequestHead

MOST_DIGITS: Final = 15
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)


class RepeatedRequest:
    """See the module. ``head`` is what was parsed and checked; its bytes stand before and after the length."""

    __slots__ = ("_after", "_before", "_last", "_length", "head")

    def __init__(self, head: RequestHead, before: bytes, after: bytes) -> None:
        self.head = head
        self._before = before
        self._after = after
        self._last = before  # the whole head as it came last, and the length that it told: -1 for none yet
        self._length = -1

    def body(self, data: bytes) -> bytes | None:
        """The body, if ``data`` is exactly one more request with this head."""
        last = self._last
        if len(data) - len(last) == self._length and data.startswith(last):
            return data[len(last) :]
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        digits = len(before)
        end = data.find(after, digits, digits + MOST_DIGITS + len(after))
        if end < 0 or not data[digits:end].isdigit():
            return None
        start = end + len(after)
        length = len(data) - start
        if int(data[digits:end]) != length:
            return None
        self._last, self._length = data[:start], length
        return data[start:]

    def __repr__(self) -> str:
        return f"<RepeatedRequest of {self.head!r}>"


def learn(data: bytes, end: int, head: RequestHead) -> RepeatedRequest | None:
    """What ``data``, a request whose head ends at ``end``, is known by; None where it tells no length."""
    found = _LENGTH.search(data, 0, end)
    if found is None:
        return None
    return RepeatedRequest(head, data[: found.start(1)], data[found.end(1) : end])

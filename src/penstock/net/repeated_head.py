"""A head of answers that an upstream sends again and again: known by its bytes, but for its date and its length. Pure.

Enters: a read of the socket that held one whole answer, and the head that it was parsed to; then further reads. Leaves:
the Response in one that holds exactly one more answer with that head; None for any other, which is for the parser.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.net.response import Response, ResponseHead

_LENGTH: Final = re.compile(rb"(?<=\r\n)content-length:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_DATE: Final = re.compile(rb"(?<=\r\n)date:[ \t]*([A-Za-z0-9,: ]{29})(?=\r\n)", re.IGNORECASE)
_A_DATE: Final = re.compile(rb"[A-Za-z0-9,: ]{29}")
_DATE_BYTES: Final = 29
_MOST_DIGITS: Final = 15


class RepeatedHead:
    """See the module. ``head`` is what it says; its bytes stand before and after the length."""

    __slots__ = ("_after", "_before", "_date_after", "_date_before", "head")

    def __init__(self, head: ResponseHead, before: bytes, after: bytes) -> None:
        self.head = head
        self._before = before
        self._after = after
        self._date_before = _date_in(before)
        self._date_after = _date_in(after)

    def answer(self, data: bytes) -> Response | None:
        """The answer, if ``data`` is exactly one with this head. What parsed once parses the same again."""
        before = self._before
        if not data.startswith(before):
            before = self._before = _redated(before, self._date_before, data, 0)
            if not data.startswith(before):
                return None
        at = len(before)
        end = data.find(b"\r\n", at, at + _MOST_DIGITS + 2)
        if end < 0 or not (digits := data[at:end]).isdigit():
            return None
        after = self._after
        if not data.startswith(after, end):
            after = self._after = _redated(after, self._date_after, data, end)
            if not data.startswith(after, end):
                return None
        start = end + len(after)
        return Response.whole(self.head, data[start:]) if int(digits) == len(data) - start else None

    def __repr__(self) -> str:
        return f"<RepeatedHead of {self.head!r}>"


def learn(data: bytes, head: ResponseHead) -> RepeatedHead | None:
    """What ``data``, a read that began with an answer with ``head``, is known by from now on; None for nothing."""
    end = data.find(b"\r\n\r\n") + 4
    lengths = list(_LENGTH.finditer(data, 0, end - 2))
    if len(lengths) != 1 or len(_DATE.findall(data, 0, end - 2)) > 1:
        return None
    start, stop = lengths[0].span(1)
    made = RepeatedHead(head, data[:start], data[stop:end])
    return made if made.answer(data) is not None else None


def _date_in(text: bytes) -> int:
    """Where the date begins in a part of a head; -1 for none."""
    found = _DATE.search(text)
    return -1 if found is None else found.start(1)


def _redated(text: bytes, place: int, data: bytes, at: int) -> bytes:
    """``text`` with the date that ``data`` has in its place, where ``text`` would begin at ``at``."""
    begin = at + place
    if place < 0 or begin > len(data):
        return text
    date = data[begin : begin + _DATE_BYTES]
    if _A_DATE.fullmatch(date) is None:
        return text
    return text[:place] + date + text[place + _DATE_BYTES :]

"""Rows found again: a page of the log after a position, or the newest that fit a question.

Enters: a log and a Question. Leaves: plain values. May fail: QuestionError for a question that cannot be answered; a
store that is away reads as empty. Held meanwhile is a batch, and at most the rows that are answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.core.stored import Log, Missed
from penstock.journal.row import Row, read_row, told

MOST_ROWS = 1000
"""In one answer."""
MOST_BYTES = 8 * 1024 * 1024
"""Of bodies in one answer; the page ends there."""
BATCH = 200
"""Rows read and decoded at once, so that the event loop is not held."""
_MATCHED = ("id", "model", "key", "scope", "upstream", "outcome", "cache", "operation", "session", "error")


class QuestionError(ValueError):
    """``name`` is what is wrong in the question."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """``after``: a position, None for the newest rows. ``matched``: what a row's fields must be. ``since_ms``: no older
    rows. ``failed``: only calls that did not end well. ``bodies``: with what was asked."""

    limit: int = 100
    after: str | None = None
    matched: dict[str, str] = {}
    since_ms: int = 0
    status: int = 0
    failed: bool = False
    bodies: bool = False

    def fits(self, row: Row) -> bool:
        """Whether ``row`` is asked for."""
        if row.at_ms < self.since_ms or (self.status and row.status != self.status):
            return False
        if self.failed and row.outcome == "ok" and row.status < 400:
            return False
        return all(_is(row, name, wanted) for name, wanted in self.matched.items())


def _is(row: Row, name: str, wanted: str) -> bool:
    if name == "model":
        return wanted in (row.model, row.asked, row.answered)
    if name == "upstream":
        return row.upstream == wanted or row.upstream.partition("@")[0] == wanted
    return bool(getattr(row, name) == wanted)


def question_of(asked: Mapping[str, Any]) -> Question:
    """The question in a query string or in the options of a command. Raises QuestionError."""
    known = {*_MATCHED, "last", "limit", "after", "since", "status", "failed", "bodies"}
    for name in asked:
        if name not in known:
            raise QuestionError(name, f"{name[:40]!r} is not known; there are {', '.join(sorted(known))}")
    after = asked.get("after")
    if after:
        after = str(_number(asked, "after", 0, 1 << 62, digits=19))
    limit = _number(asked, "limit" if after is not None else "last", 100, MOST_ROWS)
    return Question(
        limit=max(1, limit),
        after=after,
        matched={name: str(asked[name]) for name in _MATCHED if asked.get(name)},
        since_ms=1000 * _number(asked, "since", 0, 1 << 40),
        status=_number(asked, "status", 0, 999),
        failed=_yes(asked, "failed"),
        bodies=_yes(asked, "bodies"),
    )


def _number(asked: Mapping[str, Any], name: str, default: int, most: int, *, digits: int = 13) -> int:
    text = str(asked.get(name, default))
    if not (text.isascii() and text.isdigit() and len(text) <= digits):
        raise QuestionError(name, f"{name} must be a whole number")
    return min(int(text), most)


def _yes(asked: Mapping[str, Any], name: str) -> bool:
    text = str(asked.get(name, "false")).lower()
    if text not in ("true", "false", "1", "0"):
        raise QuestionError(name, f"{name} must be true or false")
    return text in ("true", "1")


async def answer(log: Log, question: Question) -> dict[str, Any]:
    """``rows``, oldest first; ``next``, the position to go on from, "" where there is nothing more; ``unread``: how
    many on the way were no rows (damaged, or of a version that writes otherwise)."""
    return await (_newest(log, question) if question.after is None else _page(log, question))


async def newest_before(log: Log, since_ms: int) -> str:
    """The position of the newest row that ended before then, "" for none: found by halves, for rows are about in the
    order of their ends."""
    oldest = await log.read("", 1)
    if not oldest:
        return ""
    low, high = int(oldest[0][0]), int(await log.last() or 0) + 1
    first = low
    while low < high:
        middle = (low + high) // 2
        try:
            rows = await log.read(str(middle - 1) if middle > first else "", 1)
        except Missed:  # it has gone since
            rows = []
        row = read_row(rows[0][1]) if rows else None
        if row is None or row.at_ms < since_ms:
            low = middle + 1
        else:
            high = middle
    return str(low - 1) if low > first else ""


async def _page(log: Log, question: Question) -> dict[str, Any]:
    """Rows after a position. ``missed``: some after it are gone, so that the page begins at the oldest kept."""
    rows: list[dict[str, Any]] = []
    unread = size = 0
    missed = False
    position = question.after or ""
    while len(rows) < question.limit and size < MOST_BYTES:
        try:
            batch = await log.read(position, BATCH)
        except Missed:
            missed, position = True, ""
            batch = await log.read(position, BATCH)
        if not batch:
            return {"rows": rows, "next": "", "unread": unread, "missed": missed}
        for place, stored in batch:
            position = place
            row = read_row(stored)
            if row is None:
                unread += 1
            elif question.fits(row):
                rows.append(told(row, bodies=question.bodies))
                size += len(stored)
                if len(rows) >= question.limit or size >= MOST_BYTES:
                    break
    return {"rows": rows, "next": position, "unread": unread, "missed": missed}


async def _newest(log: Log, question: Question) -> dict[str, Any]:
    """From the end backwards, a batch at a time: positions grow by one."""
    found: list[dict[str, Any]] = []
    unread = size = 0
    wanted = question.matched.get("id", "").encode()
    end = int(await log.last() or 0)
    while end > 0 and len(found) < question.limit and size < MOST_BYTES:
        begin = max(0, end - BATCH)
        try:
            batch = await log.read(str(begin) if begin else "", BATCH)
        except Missed:  # the oldest row lies in between; or rows have gone since
            begin, batch = 0, await log.read("", BATCH)
        for place, stored in reversed(batch):
            if int(place) > end or wanted not in stored:  # an id is looked for in all rows: few need to be opened
                continue
            row = read_row(stored)
            if row is None:
                unread += 1
            elif question.fits(row) and len(found) < question.limit and size < MOST_BYTES:
                found.append(told(row, bodies=question.bodies))
                size += len(stored)
        end = begin
    return {"rows": found[::-1], "next": "", "unread": unread}

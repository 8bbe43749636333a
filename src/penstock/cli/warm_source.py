"""Where the calls of ``penstock warm`` come from: the lines of a file of any size, or the journal of the gateway.

Enters: a path, or a Caller with the right admin. Leaves: lines with their numbers, or patterns. May fail: Failure, with
what to do about it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import urlencode

import msgspec

from penstock.cli.caller import Answer, Caller, Unreachable, shown
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.journal.patterns import Patterns
from penstock.journal.warming import MOST_LINE_BYTES, TAG

PAGE = 500
BUFFER_BYTES = 1024 * 1024
_BLANK = b" \t\r\n"
_NO_BODY = msgspec.Raw(b"null")
_PROMPTS_OFF = (
    "the journal of this gateway keeps no prompts. Set\n\n  journal: {prompts: true}\n\nin its config,"
    " `penstock reload`, and come back when calls have been answered; or warm from a file (--file)"
)


def open_lines(path: str) -> BinaryIO:
    """The file, or standard input for ``-``. Raises Failure."""
    if path == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return open(path, "rb", buffering=BUFFER_BYTES)
    except OSError as error:
        raise Failure(f"{shown(path)}: cannot be read: {error.strerror or error}", WRONG_CONFIG) from None


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1. Of a line that is too long its beginning comes, which is
    longer than ``MOST_LINE_BYTES``; no more than that is held. Raises Failure."""
    number = 0
    try:
        while line := file.readline(MOST_LINE_BYTES + 2):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.endswith(b"\n") and len(line) > MOST_LINE_BYTES:
                while (rest := file.readline(BUFFER_BYTES)) and not rest.endswith(b"\n"):
                    pass
            if line.strip(_BLANK):
                yield number, line
    except OSError as error:
        raise Failure(f"line {number + 1} cannot be read: {error.strerror or error}") from None


class _Row(msgspec.Struct):
    operation: str = ""
    model: str = ""
    asked: str = ""
    scope: str = ""
    cache: str = ""
    tags: str = ""
    looked_up: bool = False
    body: msgspec.Raw = _NO_BODY


class _Page(msgspec.Struct):
    rows: list[_Row]
    next: str = ""
    enabled: bool = True
    prompts: bool = False
    asker: str = ""


class Found(msgspec.Struct):
    """``patterns`` of the scope that was meant; ``others``: calls in other scopes that were passed over."""

    patterns: Patterns
    scope: str
    rows: int = 0
    bodies: int = 0
    others: Counter[str] = msgspec.field(default_factory=Counter)


def from_journal(admin: Caller, scope: str | None, model: str | None, since: int) -> Found:
    """The patterns of calls in ``scope`` ("all" for every one, None for that of the key that asks). Raises Failure."""
    found = Found(Patterns(), scope or "")
    after = ""
    while True:
        asked = {"after": after, "limit": PAGE, "bodies": "true", "since": since}
        page = _page(admin, f"/admin/v1/journal?{urlencode(asked)}")
        if not page.enabled:
            raise Failure("the journal of this gateway is switched off. Set journal.enabled: true in its config")
        found.scope = found.scope or page.asker
        for row in page.rows:
            _take(found, row, model)
        after = page.next
        if not after:
            break
    if not found.bodies and not page.prompts:
        raise Failure(_PROMPTS_OFF)
    return found


def _take(found: Found, row: _Row, model: str | None) -> None:
    found.rows += 1
    if row.body == _NO_BODY or TAG in row.tags.split(","):
        return
    found.bodies += 1
    if model is not None and model not in (row.model, row.asked):
        return
    if row.cache == "bypass":  # the cache would not keep it either
        return
    if found.scope not in ("all", row.scope):
        if row.scope in found.others or len(found.others) < 100:
            found.others[row.scope] += 1
        return
    found.patterns.add(bytes(row.body), row.operation, row.asked, row.scope)


def _page(admin: Caller, path: str) -> _Page:
    try:
        answer = admin.ask("GET", path)
    except Unreachable as error:
        raise Failure(str(error)) from None
    if answer.status != 200:
        raise Failure(refusal(answer, "the journal"))
    try:
        return msgspec.json.decode(answer.body, type=_Page)
    except (ValueError, RecursionError):
        raise Failure(f"{admin.root} does not answer as a gateway does: is this its address?") from None


def refusal(answer: Answer, what: str) -> str:
    """Why an admin route was refused, and what to do."""
    if answer.status in (401, 403):
        return f"{what} cannot be read with this key ({answer.said}); give one with the right admin: --admin-key"
    if answer.status == 404:
        return f"this gateway does not offer {what} ({answer.said})"
    return f"{what} cannot be read: {answer.said}"

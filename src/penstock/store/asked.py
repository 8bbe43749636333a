"""What may be asked of a store: writes, which are queued, and questions, which are answered. Pure.

Enters: names, keys, values. Leaves: plain tuples for whoever carries them out. Fails with ValueError for a name that no
table may have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import asyncio

LARGEST_VALUE = 64 * 2**20
LARGEST_KEY = 1024
OVERHEAD = 200
"""Bytes that a queued write takes besides its own."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


class Put(Struct, frozen=True):
    table: str
    key: bytes
    value: bytes
    expires: float


class Delete(Struct, frozen=True):
    table: str
    keys: tuple[bytes, ...]


class Append(Struct, frozen=True):
    log: str
    row: bytes
    keep: int


class Extend(Struct, frozen=True):
    """Many rows, appended together."""

    log: str
    rows: tuple[bytes, ...]
    keep: int


class Drop(Struct, frozen=True):
    """Rows of a log, up to and with ``upto``."""

    log: str
    upto: int


class Add(Struct, frozen=True):
    name: str
    amount: int
    expires: float | None
    reply: asyncio.Future[Any]


class Once(Struct, frozen=True):
    name: str
    value: bytes
    reply: asyncio.Future[Any]


class Mark(Struct, frozen=True):
    """Answered when all before it is stored or lost."""

    reply: asyncio.Future[Any]


Write = Put | Delete | Append | Extend | Drop | Add | Once | Mark
OPERATION: dict[type, str] = {
    Put: "put", Delete: "delete", Append: "append", Extend: "append", Drop: "delete", Add: "add", Once: "once",
    Mark: "flush",
}  # fmt: skip


class Get(Struct, frozen=True):
    """Answered with bytes or None."""

    table: str
    key: bytes


class Scan(Struct, frozen=True):
    """Answered with records and the next ``cursor``, which begins as "" and at the end is None."""

    table: str
    cursor: str


class Read(Struct, frozen=True):
    """Answered with rows; Missed may be raised."""

    log: str
    after: str
    limit: int
    wait: float


class Last(Struct, frozen=True):
    """Answered with a position."""

    log: str


Question = Get | Scan | Read | Last


def size_of(write: Write) -> int:
    """Bytes that a write takes while it is queued."""
    if type(write) is Put:
        return OVERHEAD + len(write.key) + len(write.value)
    if type(write) is Append:
        return OVERHEAD + len(write.row)
    if type(write) is Extend:
        return OVERHEAD + sum(map(len, write.rows)) + 40 * len(write.rows)
    if type(write) is Delete:
        return OVERHEAD + sum(map(len, write.keys)) + 40 * len(write.keys)
    return OVERHEAD


def count_of(write: Write) -> int:
    """How many of its operation a write counts as."""
    return len(write.rows) if type(write) is Extend else 1


def checked(name: str) -> str:
    """``name`` if a table or log may have it. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a table or log: small letters, digits and _, at most 40")
    return name


def position(after: str) -> int:
    """The number in a position; 0 before the first row."""
    if not after:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 20):
        raise ValueError(f"{after[:40]!r} is no position in a log")
    return int(after)

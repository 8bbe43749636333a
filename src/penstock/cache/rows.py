"""Rows of the log through which workers tell each other of entries. Pure.

Enters: what happened here, or bytes of a row. Leaves: the bytes, or one of the four things that a row can say. May
fail: ValueError for bytes that are none.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from penstock.cache.entry import Entry


class Stored(msgspec.Struct, tag="put", array_like=True):
    """A new entry."""

    by: str
    entry: Entry


class Gone(msgspec.Struct, tag="gone", array_like=True):
    """Entries that somebody let go."""

    by: str
    ids: list[bytes]
    reason: str


class Flushed(msgspec.Struct, tag="flush", array_like=True):
    """All that fits ``what`` and was asked up to the moment ``wall`` is to go."""

    by: str
    what: dict[str, str]
    wall: float


class Used(msgspec.Struct, tag="used", array_like=True):
    """How often entries were told since the last such row, and when last: (id, times, moment)."""

    by: str
    uses: list[tuple[bytes, int, float]]


Row = Stored | Gone | Flushed | Used

row_bytes = msgspec.msgpack.Encoder().encode
_row: Callable[[bytes], Row] = msgspec.msgpack.Decoder(Row).decode


def row_of(data: bytes) -> Row:
    """What the row says. Raises ValueError."""
    return _row(data)

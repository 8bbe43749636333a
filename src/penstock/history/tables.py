"""Tables of whole numbers, a row for each name, as few bytes of which a reader opens the columns it asks for. Pure.

Enters: names and columns, or what ``stored`` made of them. Leaves: that, or a ``Table``. May fail: ValueError for bytes
that are no table.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.history.planes import lanes, numbers_in, planes_of

_LEVEL = 6
LEAST_PRESSED = 256
_ZLIB = zlib.compress(b"", _LEVEL)[:1]
"""With which no list or table begins."""
encode = msgspec.msgpack.Encoder().encode
_columns = msgspec.msgpack.Decoder(list[bytes | list[int]]).decode


class Stored(msgspec.Struct, array_like=True):
    """``names`` and ``columns`` may be pressed; of each column its planes, or (see ``former``) its numbers."""

    names: bytes
    rows: int
    columns: bytes


def stored(names: Sequence[Any], columns: Sequence[Sequence[int]]) -> Stored:
    """The table of these columns."""
    return Stored(pressed(names), len(names), pressed([planes_of(column) for column in columns]))


class Table:
    """See the module. ``places``: where each column stands. ``names_of`` opens the names."""

    __slots__ = ("_names_of", "_opened", "_places", "_stored")

    def __init__(self, table: Stored, places: Mapping[str, int], names_of: Callable[[bytes], list[Any]]) -> None:
        self._stored = table
        self._places = places
        self._names_of = names_of
        self._opened: list[bytes | list[int]] | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return self._stored.rows

    @property
    def stored_names(self) -> bytes:
        """The names as they are stored: equal ones are equal names."""
        return self._stored.names

    @property
    def names(self) -> list[Any]:
        """Of the rows."""
        return self._names_of(unpressed(self._stored.names))

    def lanes(self, name: str) -> int:
        """A column, a lane for each row; seconds as microseconds."""
        if self._opened is None:
            self._opened = _columns(unpressed(self._stored.columns))
        place = self._places[name]
        if place >= len(self._opened):  # it has come since the table was stored
            return 0
        column = self._opened[place]
        return lanes(planes_of(column) if isinstance(column, list) else column, self._stored.rows)

    def numbers(self, name: str) -> Sequence[int]:
        """A column."""
        return numbers_in(self.lanes(name), self._stored.rows)

    def __repr__(self) -> str:
        return f"<Table of {self._stored.rows} rows>"


def pressed(value: Any) -> bytes:
    """``value`` as bytes, as few as can be where that saves two fifths: the rest is opened in half the time."""
    text = encode(value)
    if len(text) <= LEAST_PRESSED:
        return text
    short = zlib.compress(text, _LEVEL)
    return short if 5 * len(short) < 3 * len(text) else text


def unpressed(text: bytes) -> bytes:
    """What was pressed, or not. Raises ValueError."""
    if text[:1] != _ZLIB:
        return text
    try:
        return zlib.decompress(text)
    except zlib.error as error:
        raise ValueError(str(error)) from None

"""Windows as they were packed before columns were stored apart (version 1), as columns of today. Pure.

Enters: the bytes of such a window, and which columns are wanted. Leaves: the columns. May fail: ValueError for bytes
that are no such window. Little is laid out anew: a column of numbers may stay a list of them. When hours of that time
are not kept any more, this file can go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from penstock.history.packing import HEAD, REST, SKETCHES, VERSION, WHOSE, Head
from penstock.history.tables import Stored, encode, unpressed


class _Rows(msgspec.Struct, array_like=True):
    names: bytes
    sums: bytes
    faults: bytes
    sketches: list[bytes]


class _Whole(msgspec.Struct, array_like=True):
    version: int
    start: float
    seconds: float
    covered: float
    shared: _Rows
    own: _Rows
    parts: dict[str, bytes]
    rest: bytes


_whole = msgspec.msgpack.Decoder(_Whole).decode
_sums = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_faults = msgspec.msgpack.Decoder(list[dict[str, int]]).decode
_values = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


def blocks_of(block: Mapping[int, bytes], wanted: Iterable[str]) -> dict[str, dict[int, bytes]]:
    """The columns ``wanted`` of a block of such windows, by column and start. Of a window that cannot be read there is
    a head that cannot be read."""
    found: dict[str, dict[int, bytes]] = {name: {} for name in wanted}
    for start, text in block.items():
        try:
            columns = columns_of(text, wanted)
        except ValueError:
            columns = {HEAD: text}
        for name, column in columns.items():
            found[name][start] = column
    return found


def columns_of(text: bytes, wanted: Iterable[str]) -> dict[str, bytes]:
    """The columns ``wanted`` of the window in ``text``."""
    whole = _whole(text)
    if whole.version != 1:
        raise ValueError("a window of another version")
    return {name: _column(whole, name) for name in wanted}


def _column(whole: _Whole, name: str) -> bytes:
    if name == HEAD:
        tables = _table(whole.shared), _table(whole.own)
        return encode(Head(VERSION, whole.start, whole.seconds, whole.covered, *tables))
    if name == REST:
        return whole.rest
    if name in SKETCHES:
        place = SKETCHES.index(name)
        return encode((whole.shared.sketches[place], whole.own.sketches[place]))
    values = sorted(_values(unpressed(whole.parts[name])).items()) if name in whole.parts else []
    columns = list(zip(*(numbers for _, numbers in values), strict=True))
    return encode(Stored(encode([value for value, _ in values]), len(values), encode(columns)))


def _table(rows: _Rows) -> Stored:
    faults = _faults(unpressed(rows.faults))
    columns = [*_sums(unpressed(rows.sums)), *([one.get(whose, 0) for one in faults] for whose in WHOSE)]
    return Stored(rows.names, len(faults), encode(columns))

"""What is kept of a question beside its entry: its text and its vector. Pure.

Enters: both, or bytes from the store. Leaves: the bytes, or both again. May fail: ValueError for bytes that are none.
"""

from __future__ import annotations

import msgspec


class Kept(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """``vector`` is in the kept form of ``version``: one signed byte a dimension."""

    version: str
    partition: bytes
    text: str
    vector: bytes


kept_bytes = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(Kept).decode


def kept_of(data: bytes) -> Kept:
    """The question in ``data``. Raises ValueError."""
    return _kept(data)


def number_of(id: bytes) -> int:
    """63 bits of a digest. Two that share them are refused to be in one partition."""
    return int.from_bytes(id[:8], "big") >> 1

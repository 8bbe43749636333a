"""What is kept of an answer: the entry (small, in every worker's memory) and the answer itself (in the tiers). Pure.

Enters: facts of a call and of what answered it, or the bytes of either as stored. Leaves: Entry, Answer, their bytes.
May fail: ValueError for bytes that are neither.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

ENTRY_BYTES = 1200
"""What an entry counts for in memory, beside its answer (measured by bench/exact_cache.py)."""

_MARK = struct.Struct("<II")


class Entry(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One answer's facts. ``id`` is the digest of its question; ``partition`` the digest of all of the question but
    its last user text, and ``group`` the answers that say the same (both for the semantic cache; "" without it).

    Moments are wall seconds: ``asked`` is when the question was asked, which is what a flush goes by: an answer that
    was under way then is as old as those that were there. ``by`` (the key that asked), ``scope`` and ``session`` are
    keyed hashes. ``upstream`` gave the answer and called its model ``named``. ``cost`` (micro-dollars) and ``seconds``
    are what it took to make, and what each hit saves. ``confidence``: how probably the answer is right."""

    id: bytes
    operation: str
    model: str
    upstream: str
    named: str
    scope: bytes
    by: bytes
    asked: float
    created: float
    expires: float
    size: int
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0
    seconds: float = 0.0
    confidence: float = 1.0
    accesses: int = 0
    accessed: float = 0.0
    classification: str = ""
    tags: tuple[str, ...] = ()
    session: bytes = b""
    partition: bytes = b""
    group: bytes = b""
    content: bytes = b""
    confirmed: bool = True

    @property
    def name(self) -> str:
        """Its id as shown to people, and taken from them."""
        return self.id.hex()

    @property
    def worth(self) -> float:
        """Micro-dollars saved a hit and byte; tokens stand in where no price is known."""
        return (self.cost or (self.tokens_in + 4 * self.tokens_out) / 4 or 1) / (self.size + ENTRY_BYTES)

    def told(self) -> dict[str, Any]:
        """As plain values, for people."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        hexed = ("id", "scope", "by", "session", "partition", "group", "content")
        return told | {name: told[name].hex() for name in hexed} | {"tags": list(self.tags)}


class Answer(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What was answered. ``data`` is the body, or all events; ``marks`` are pairs of the length of each frame and the
    milliseconds before it ("" for a whole answer); ``usage`` the raw JSON object where the stream told it apart."""

    content_type: bytes
    data: bytes
    marks: bytes = b""
    usage: bytes = b""

    @property
    def streamed(self) -> bool:
        """Whether ``data`` are events."""
        return bool(self.marks)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.data) + len(self.marks) + len(self.usage) + len(self.content_type)

    def frames(self) -> list[tuple[bytes, int]]:
        """Each frame, and the milliseconds before it. Raises ValueError when they do not fit the data."""
        if len(self.marks) % _MARK.size:
            raise ValueError("half a mark")
        found = []
        at = 0
        for length, pause in _MARK.iter_unpack(self.marks):
            found.append((self.data[at : at + length], pause))
            at += length
        if at != len(self.data):
            raise ValueError(f"frames of {at} bytes in {len(self.data)}")
        return found


def mark(length: int, pause: float) -> bytes:
    """The mark of a frame of ``length`` bytes, ``pause`` seconds after the one before."""
    return _MARK.pack(length, min(round(pause * 1000), 0xFFFFFFFF))


entry_bytes = msgspec.msgpack.Encoder().encode
_entry = msgspec.msgpack.Decoder(Entry).decode
_answer = msgspec.msgpack.Decoder(Answer).decode


def entry_of(data: bytes) -> Entry:
    """The entry in ``data``. Raises ValueError."""
    return _entry(data)


def answer_of(data: bytes) -> Answer:
    """The answer in ``data``. Raises ValueError."""
    return _answer(data)

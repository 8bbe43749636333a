"""What came of a line, as one record of a job's log: its answer and that it is done are written together. Pure.

Enters: an Outcome. Leaves: bytes of one line, with a checksum before them, and back. What a crash cut short, or a disk
made of it, is told from a record by its checksum. May fail: ValueError for bytes that are no record.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal

import msgspec

CHECK_BYTES = 9
"""Eight hexadecimal digits and a space."""

Kind = Literal["ok", "error"]


class Outcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Of the line ``n``: its place among the file's lines, from 0. ``status`` 0: nobody answered, and ``code`` and
    ``message`` say why. ``body`` is JSON. Tokens and millionths of a dollar are what it cost."""

    n: int
    custom_id: str
    kind: Kind
    status: int = 0
    request_id: str = ""
    body: msgspec.Raw = msgspec.Raw(b"")
    code: str = ""
    message: str = ""
    upstream: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    micro_dollars: int = 0


class Sums(msgspec.Struct):
    """What the outcomes so far come to."""

    completed: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    micro_dollars: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        if outcome.kind == "ok":
            self.completed += 1
        else:
            self.failed += 1
        self.tokens_in += outcome.tokens_in
        self.tokens_out += outcome.tokens_out
        self.tokens_cached += outcome.tokens_cached
        self.micro_dollars += outcome.micro_dollars

    def since(self, before: Sums) -> Sums:
        """What came after ``before``."""
        return Sums(*(getattr(self, name) - getattr(before, name) for name in Sums.__struct_fields__))


_decode = msgspec.json.Decoder(Outcome).decode


def encode(outcome: Outcome) -> bytes:
    """The record, its end included. A body may hold line breaks: they are what JSON calls space, and go."""
    text = msgspec.json.encode(outcome)
    if b"\n" in text or b"\r" in text:
        text = msgspec.json.encode(msgspec.structs.replace(outcome, body=compact(bytes(outcome.body))))
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decode(record: bytes) -> Outcome:
    """The outcome in a record, given without its end. Raises ValueError."""
    text = record[CHECK_BYTES:]
    if record[:CHECK_BYTES] != b"%08x " % zlib.crc32(text):
        raise ValueError("a record's checksum is wrong")
    return _decode(text)


def compact(body: bytes) -> msgspec.Raw:
    """JSON on one line; what is none becomes a text."""
    try:
        body.decode()
        return msgspec.Raw(msgspec.json.format(body, indent=-1))
    except (ValueError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(body.decode("utf-8", "replace")))


def whole_records(piece: bytes) -> Iterator[tuple[Outcome, int]]:
    """The records at the beginning of ``piece``, each with where it ends; stops at the first that is none."""
    at = 0
    while (end := piece.find(b"\n", at)) >= 0:
        try:
            outcome = decode(piece[at:end])
        except ValueError:
            return
        at = end + 1
        yield outcome, at

"""DNS messages (RFC 1035) for SRV records (RFC 2782): one question out, the answer read. Pure.

Enters: a name, or the bytes of an answer. Leaves: a message, or the records. Fails with BadAnswer for bytes that are no
answer to the question: they may come from anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

SRV = 33
CNAME = 5
OPT = 41
IN = 1
UDP_BYTES = 1232
"""Told to servers as the largest answer by UDP: what passes everywhere without fragments (DNS flag day 2020)."""
MOST_ALIASES = 8
_NO_ERROR, _NO_NAME = 0, 3
_LABEL = re.compile(rb"[A-Za-z0-9_-]{1,63}")


class BadAnswer(ValueError):
    """The bytes are not an answer to the question, or the server could not give one."""


class Srv(NamedTuple):
    """One record: the lower ``priority`` is asked first; ``target`` in small letters, without its last dot."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """``truncated``: the rest is told over TCP only. No records: the name has none, or is not there."""

    records: tuple[Srv, ...]
    truncated: bool = False


def question(name: str, number: int) -> bytes:
    """The message that asks for the SRV records of ``name``. Raises ValueError for a name that cannot be asked."""
    head = number.to_bytes(2, "big") + b"\x01\x00" + b"\0\1\0\0\0\0\0\1"  # recursion desired; one question, one extra
    edns = b"\0" + OPT.to_bytes(2, "big") + UDP_BYTES.to_bytes(2, "big") + bytes(6)
    return head + _encoded(name) + SRV.to_bytes(2, "big") + IN.to_bytes(2, "big") + edns


def _encoded(name: str) -> bytes:
    labels = name.rstrip(".").encode("ascii").split(b".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f'"{name[:100]}" cannot be asked of a name server')
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(encoded) > 255:
        raise ValueError("the name is too long for a name server")
    return encoded


def answer(data: bytes, name: str, number: int) -> Answer:
    """What ``data`` says to the question of that name and number. Raises BadAnswer."""
    reader = _Reader(data)
    if reader.number() != number:
        raise BadAnswer("it answers another question")
    flags = reader.number()
    counts = [reader.number() for _ in range(4)]
    if not flags & 0x8000 or flags & 0x7800:
        raise BadAnswer("it is no answer")
    wanted = name.rstrip(".").lower()
    if counts[0] != 1 or reader.name() != wanted or (reader.number(), reader.number()) != (SRV, IN):
        raise BadAnswer("it answers another question")
    code = flags & 0xF
    if code not in (_NO_ERROR, _NO_NAME):
        raise BadAnswer(f"the name server could not tell (code {code})")
    if flags & 0x0200:
        return Answer((), truncated=True)
    return Answer(_records(reader, counts[1], wanted))


def _records(reader: _Reader, count: int, wanted: str) -> tuple[Srv, ...]:
    """The SRV records of ``wanted``, or of what it is an alias of."""
    found: list[tuple[str, Srv]] = []
    aliases: dict[str, str] = {}
    for _ in range(count):
        owner = reader.name()
        kind, family = reader.number(), reader.number()
        reader.skip(4)
        end = reader.number() + reader.at
        if kind == SRV and family == IN:
            found.append((owner, Srv(reader.number(), reader.number(), reader.number(), reader.name())))
        elif kind == CNAME and family == IN:
            aliases[owner] = reader.name()
        else:
            reader.skip(end - reader.at)
        if reader.at != end:
            raise BadAnswer("a record has not the length that it tells")
    names = {wanted}
    for _ in range(MOST_ALIASES):
        wanted = aliases.get(wanted, wanted)
        names.add(wanted)
    # "." as the target says that there is no such service.
    return tuple(record for owner, record in found if owner in names and record.target)


class _Reader:
    """Walks over a message. Raises BadAnswer at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes."""
        if self.at + count > len(self._data):
            raise BadAnswer("it ends too early")
        self.at += count

    def number(self) -> int:
        """Two bytes."""
        at = self.at
        self.skip(2)
        return int.from_bytes(self._data[at : at + 2], "big")

    def name(self) -> str:
        """A name, which may go on elsewhere: each pointer must lead to before all that was read of it."""
        labels: list[bytes] = []
        size = 0
        least = self.at
        back = 0
        while True:
            at = self.at
            self.skip(1)
            length = self._data[at]
            if length >= 0xC0:
                self.skip(1)
                place = int.from_bytes(self._data[at : at + 2], "big") & 0x3FFF
                if place >= least:
                    raise BadAnswer("a name goes on ahead of itself")
                back = back or self.at
                least = self.at = place
                continue
            if not length:
                break
            self.skip(length)
            label = self._data[at + 1 : self.at]
            size += length + 1
            if size > 254 or not _LABEL.fullmatch(label):
                raise BadAnswer("a name in it is none of a host")
            labels.append(label)
        self.at = back or self.at
        return b".".join(labels).decode().lower()

"""The short way of a stream: a chunk that holds one common event goes to the caller as it came, framing included.

A Serving makes one and offers it to its source; each part on the way down to the upstream's connection puts in what it
needs to know of events, or does not hand it on (then there is none). ``take`` has a read of the socket; all of it that
is not plainly whole chunks with one common event each goes the long way, as frames. May fail: not at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from penstock.core.exchange import Exchange
    from penstock.core.reply import Source, Tap

_SIZE_LINE: Final = re.compile(rb"[1-9A-Fa-f][0-9A-Fa-f]{1,2}\r\n")
_TWO_DIGITS: Final = 4 + 255 + 2
"""Bytes of the longest chunk whose size has two hexadecimal digits."""


class Noting(Protocol):
    """What is told of the events of a stream."""

    def likes(self, data: bytes, start: int, end: int) -> bool:
        """Note the event in a part of ``data`` if it is like the last one but for its text; else note nothing."""


class Writing(Protocol):
    """The caller's connection."""

    def write(self, data: bytes) -> None: ...


class Lane:
    """See the module. ``open``: nobody holds the stream; ``whole``: no part of an event is held back; ``told`` notes
    the events, ``taps`` see them, ``passed`` counts them. ``sizes`` are the size lines that were seen: of two or three
    digits, so not many."""

    __slots__ = ("_between", "_caller", "_exchange", "_sizes", "open", "passed", "taps", "told", "whole")

    def __init__(self, exchange: Exchange, caller: Writing, sizes: dict[bytes, int]) -> None:
        self._exchange = exchange
        self._caller = caller
        self._sizes = sizes
        self._between = False
        self.open = False
        self.whole = False
        self.told: Noting | None = None
        self.taps: list[Tap] = []
        self.passed = 0

    def take(self, data: bytes) -> int:
        """Pass on one read of the upstream's socket as far as it is plain: so many bytes. The rest is the parser's."""
        if not (self._between and self.open and self.whole):
            return 0
        length = len(data)
        start = 4 if length <= _TWO_DIGITS else 5
        end = length - 2
        if self._sizes.get(data[:start]) != end - start or not data.endswith(b"\r\n"):
            return self._take_several(data)
        if not self.told.likes(data, start, end):  # type: ignore[union-attr]
            return 0
        self.passed += 1  # ``_note``, written out: this is what nearly every event of a stream passes
        self._exchange.bytes_out += end - start
        for tap in self.taps:
            tap(data[start:end])
        self._caller.write(data)
        return length

    def _take_several(self, data: bytes) -> int:
        """The same for what is not one chunk with a size that was seen before."""
        at = 0
        while at < len(data):
            start = data.find(b"\n", at, at + 5) + 1
            if not start:
                break
            line = data[at:start]
            size = self._sizes.get(line) or self._learn(line)
            end = start + size
            if not size or not data.startswith(b"\r\n", end) or not self.told.likes(data, start, end):  # type: ignore[union-attr]
                break
            self._note(data, start, end)
            at = end + 2
        if at:
            self._caller.write(data[:at])
        return at

    def _note(self, data: bytes, start: int, end: int) -> None:
        """An event passes."""
        self.passed += 1
        self._exchange.bytes_out += end - start
        for tap in self.taps:
            tap(data[start:end])

    def look(self, data: bytes, *, in_chunk: bool) -> None:
        """A read has gone the long way; ``in_chunk``: it ended inside of a chunk, or behind one."""
        # A line that was begun behind the last chunk has no end yet: else the parser would be in another chunk.
        self._between = not in_chunk and data.endswith(b"\r\n")

    def _learn(self, line: bytes) -> int:
        """The size that a line tells, if it tells nothing else; else 0."""
        if _SIZE_LINE.fullmatch(line) is None:
            return 0
        size = self._sizes[line] = int(line, 16)
        return size

    def __repr__(self) -> str:
        return f"<Lane {'open' if self.open else 'closed'}, {self.passed} passed>"


def offer(lane: Lane, source: Source) -> None:
    """Offer ``lane`` to a source: most have to see all that flows, and want none."""
    take: Any = getattr(source, "take_lane", None)
    if take is not None:
        take(lane)

"""The events that wait for one caller: counted at the account, watched by level. Pure.

Enters: Pieces. Leaves: them in order, or fewer: merged, or without some. ``add`` is refused when the account is full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from penstock.core.ports import Account
from penstock.streaming.config import StreamingConfig
from penstock.streaming.counts import Counts, Level
from penstock.wire.pieces import Piece, merge, read


class Backlog:
    """See the module. ``size`` in bytes; ``full`` as a share of the stream's own bound."""

    __slots__ = ("_account", "_counts", "_merged", "_operation", "_terms", "level", "pieces", "size")

    def __init__(self, operation: str, terms: StreamingConfig, account: Account, counts: Counts) -> None:
        self._operation = operation
        self._terms = terms
        self._account = account
        self._counts = counts
        self.pieces: deque[Piece] = deque()
        self._merged = 0  # the first so many are as few as they can be
        self.size = 0
        self.level: Level = "normal"

    @property
    def full(self) -> float:
        return self.size / self._terms.buffer

    def add(self, event: bytes) -> Piece | None:
        """Let ``event`` wait; None when the account refuses it."""
        if not self._account.reserve(len(event)):
            return None
        piece = read(event, self._operation)
        self.pieces.append(piece)
        self.size += len(event)
        return piece

    def pop(self, number: int) -> list[Piece]:
        """The first ``number`` pieces, which wait no longer."""
        popped = [self.pieces.popleft() for _ in range(number)]
        self._merged = max(self._merged - number, 0)
        size = sum([len(piece.event) for piece in popped])
        self.size -= size
        self._account.release(size)
        self.note_level()
        return popped

    def joined(self, pieces: list[Piece], reason: str) -> list[Piece]:
        """``pieces``, neighbours merged, and counted."""
        merged = merge(pieces, self._operation)
        self._counts.add("merged", reason, len(pieces) - len(merged))
        return merged

    def merge(self) -> None:
        """Merge all that waits. What is merged already is not read again: it may be much, and this is often asked."""
        pieces = list(self.pieces)
        done = max(self._merged - 1, 0)
        self._replace(pieces[:done] + self.joined(pieces[done:], "slow_reader"))
        self._merged = len(self.pieces)

    def drop(self, reason: str, goes: Callable[[Piece], bool]) -> None:
        """Let go of the pieces of which ``goes`` is true."""
        kept = [piece for piece in self.pieces if not goes(piece)]
        self._counts.add("dropped", reason, len(self.pieces) - len(kept))
        self._replace(kept)

    def _replace(self, pieces: list[Piece]) -> None:
        size = sum([len(piece.event) for piece in pieces])
        self._account.release(self.size - size)
        self.pieces = deque(pieces)
        self._merged = 0
        self.size = size

    def clear(self) -> None:
        """Nothing waits any more."""
        self._replace([])
        self.note_level()

    def note_level(self) -> Level:
        """The present level, counted."""
        pressure, full = self._terms.pressure, self.full
        level: Level = "severe" if full >= pressure.severe else "moderate" if full >= pressure.moderate else "normal"
        if level != self.level:
            self._counts.levels[self.level] -= 1
            self._counts.levels[level] += 1
            self.level = level
        return level

    def __repr__(self) -> str:
        return f"<Backlog {len(self.pieces)} events, {self.size}B, {self.level}>"

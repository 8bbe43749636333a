"""What a shelf makes of the rows that other workers write to the log. Pure.

Enters: bytes of a row. Leaves: a shelf on which it happened too. Our own rows, and those that nobody who knows the
secret has written, mean nothing. May fail: not at all.
"""

from __future__ import annotations

from penstock.cache.directory import Directory
from penstock.cache.entry import Entry
from penstock.cache.rows import Flushed, Gone, Row, Stored, Used, row_of
from penstock.cache.sealed import Seal

ROW = b"row"
"""The name under which rows are signed."""
MOST_UNTOLD = 1000


class Hearing:
    """The part of a shelf that listens; the rest is in ``store.Shelf``."""

    directory: Directory
    seal: Seal | None
    me: str
    untold: dict[tuple[tuple[str, str], ...], Flushed]
    """What was flushed here and has not come back in the log yet: others may not have heard of it."""

    def note_untold(self, row: Flushed) -> None:
        """It is being told. Bounded: of too many, the oldest is told once only."""
        key = tuple(sorted(row.what.items()))
        self.untold.pop(key, None)
        self.untold[key] = row
        while len(self.untold) > MOST_UNTOLD:
            del self.untold[next(iter(self.untold))]

    def _is_told(self, row: Flushed) -> None:
        key = tuple(sorted(row.what.items()))
        if key in self.untold and self.untold[key].wall <= row.wall:
            del self.untold[key]

    def read(self, data: bytes) -> Row | None:
        """A row of the log; None for one of our own, and for one that is none."""
        try:
            signed = None if self.seal is None else self.seal.signed(ROW, data)
            row = None if signed is None else row_of(signed)
        except ValueError:
            row = None
        if row is None or row.by != self.me:
            return row
        if isinstance(row, Flushed):
            self._is_told(row)
        return None

    def take(self, data: bytes) -> None:
        """What a row of the log says happens here too."""
        row = self.read(data)
        if row is not None:
            self.take_row(row)

    def take_row(self, row: Row) -> None:
        """The same, of one that was read."""
        if isinstance(row, Stored):
            self.take_entry(row.entry)
        elif isinstance(row, Gone):
            for id in row.ids:
                if self.directory.forget(id) is not None:
                    self._forgotten(id)
        elif isinstance(row, Flushed):
            self.let_go([entry.id for entry in self.directory.flush(row.what, row.wall)])
        else:
            self._take_uses(row)

    def _take_uses(self, row: Used) -> None:
        for id, times, moment in row.uses:
            entry = self.directory.entries.get(id)
            if entry is not None:
                entry.accesses += times
                entry.accessed = max(entry.accessed, moment)

    def take_entry(self, entry: Entry) -> None:
        """An entry that somebody else made."""
        raise NotImplementedError

    def let_go(self, ids: list[bytes]) -> None:
        """The directory has forgotten them."""
        raise NotImplementedError

    def _forgotten(self, id: bytes) -> None:
        raise NotImplementedError

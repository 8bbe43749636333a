"""The log of a job's answers: records appended, on the disk before their lines count as done. Blocking.

Enters: Outcomes. Leaves: which lines are done, and what they came to. A record that a crash cut short is cut off when
the log is opened again; one that the disk did not take is not there at all. May fail: OSError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from penstock.jobs.place.store import Place
from penstock.jobs.record import Outcome, Sums, encode, whole_records

PIECE_BYTES = 4 * 2**20


class Log:
    """See the module. ``done`` has the numbers of lines whose outcome is kept."""

    def __init__(self, place: Place, path: str) -> None:
        self._place = place
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = 0
        self.done: set[int] = set()
        self.sums = Sums()
        for outcome, end in self._read():
            self._size = end
            if outcome.n not in self.done:
                self.done.add(outcome.n)
                self.sums.add(outcome)
        os.ftruncate(self._file, self._size)

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Keep them, all or none. Raises OSError, and none is kept then. A line done before is not kept again."""
        fresh = [one for one in outcomes if one.n not in self.done]
        data = b"".join(map(encode, fresh))
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            self._place.write(self._file, data)
            self._place.sync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        for outcome in fresh:
            self.done.add(outcome.n)
            self.sums.add(outcome)

    def places(self) -> dict[int, tuple[int, int]]:
        """For each line that is done, where its record begins and ends: to read them in the order of the lines."""
        found: dict[int, tuple[int, int]] = {}
        begin = 0
        for outcome, end in self._read():
            found.setdefault(outcome.n, (begin, end))
            begin = end
        return found

    def at(self, begin: int, end: int) -> Outcome:
        """The record there."""
        return next(whole_records(os.pread(self._file, end - begin, begin)))[0]

    def _read(self) -> Iterator[tuple[Outcome, int]]:
        """All whole records, each with the place of its end."""
        at = 0
        want = PIECE_BYTES
        while True:
            piece = os.pread(self._file, want, at)
            used = 0
            for outcome, end in whole_records(piece):
                used = end
                yield outcome, at + end
            if not used:
                if len(piece) < want or b"\n" in piece:
                    return  # the end, or what is no record
                want *= 2  # one longer than a piece
                continue
            at += used
            want = PIECE_BYTES

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __repr__(self) -> str:
        return f"<Log {len(self.done)} done, {self._size}B>"

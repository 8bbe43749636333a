"""A job's input, found line by line, and what is made of its log in the end. Blocking: it is called in threads.

Enters: a job's folder. Leaves: lines by their place; the output and error files. May fail: OSError.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator

from penstock.jobs.job import FILE, Job, StoredFile
from penstock.jobs.lines import Checking, Line, WrongLine, read_line
from penstock.jobs.place.store import Draft
from penstock.jobs.record import Outcome
from penstock.jobs.results.store import Log
from penstock.jobs.store import DATA, Shelf
from penstock.jobs.told import CANCELLED, EXPIRED, output_line, result_line

PIECE_BYTES = 1024 * 1024


class Input:
    """See the module. Lines are counted from 0, blank ones left out; ``numbers`` are those of an editor."""

    def __init__(self, path: str, longest: int) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._longest = longest
        self._begins = array("Q")
        self._ends = array("Q")
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._begins)

    def index(self, checking: Checking | None = None) -> None:
        """Find the lines, and have them checked."""
        for number, (begin, end) in enumerate(self._spans(), 1):
            raw = os.pread(self._file, min(end - begin, self._longest + 1), begin)
            if not raw.strip():
                continue
            self._begins.append(begin)
            self._ends.append(end)
            self._numbers.append(number)
            if checking is not None:
                checking.take(raw, number)
                if checking.full:
                    break
        if checking is not None:
            checking.end()

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Where each line begins and ends."""
        at = begin = 0
        while piece := os.pread(self._file, PIECE_BYTES, at):
            found = piece.find(b"\n")
            while found >= 0:
                yield begin, at + found
                begin = at + found + 1
                found = piece.find(b"\n", found + 1)
            at += len(piece)
        if begin < at:
            yield begin, at

    def size(self, n: int) -> int:
        """Bytes of a line."""
        return self._ends[n] - self._begins[n]

    def line(self, n: int, endpoint: str) -> Line:
        """A line that was checked. Raises WrongLine all the same, for a file that is not what it was."""
        raw = os.pread(self._file, self.size(n), self._begins[n])
        return read_line(raw, self._numbers[n], endpoint)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __repr__(self) -> str:
        return f"<Input {len(self)} lines>"


class Writing:
    """A file with lines, which appears when it is whole."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._draft: Draft | None = None
        self._held: list[bytes] = []
        self._waiting = 0
        self._size = 0

    def add(self, line: bytes) -> None:
        """One more line."""
        self._held.append(line)
        self._waiting += len(line)
        if self._waiting >= PIECE_BYTES:
            self._write()

    def _write(self) -> None:
        if self._draft is None:
            self._draft = self._shelf.draft()
        self._draft.write(DATA, b"".join(self._held))
        self._size += self._waiting
        self._held.clear()
        self._waiting = 0

    def keep(self, job: Job, mark: str, expires: float) -> str:
        """Publish it; its id, which is the same however often it is made. "" for a file without lines."""
        if not self._size and not self._waiting:
            return ""
        self._write()
        assert self._draft is not None
        id = f"{FILE}{job.id.rpartition('_')[2]}{mark}"
        name = f"{job.id}_{'output' if mark == 'o' else 'error'}.jsonl"
        file = StoredFile(id, job.key, name, "batch_output", self._size, job.finalizing, expires)
        self._shelf.keep_file(self._draft, file)
        return id

    def drop(self) -> None:
        """Leave nothing of it, if it was not published."""
        if self._draft is not None:
            self._draft.drop()


def finish(shelf: Shelf, job: Job, log: Log, lines: Input, keep: float) -> tuple[str, str]:
    """The ids of the output and the error file, written in the order of the input."""
    places = log.places()
    output, errors = Writing(shelf), Writing(shelf)
    expires = job.finalizing + (keep if job.keep_output is None else job.keep_output)
    try:
        for n in range(job.total):
            place = places.get(n)
            outcome = _undone(job, lines, n) if place is None else log.at(*place)
            if job.anthropic:
                output.add(result_line(job, outcome))
            else:
                (output if outcome.kind == "ok" else errors).add(output_line(job, outcome))
        return output.keep(job, "o", expires), errors.keep(job, "e", expires)
    finally:
        output.drop()
        errors.drop()


def _undone(job: Job, lines: Input, n: int) -> Outcome:
    code, message = CANCELLED if job.stopped == "cancelled" else EXPIRED
    try:
        name = lines.line(n, job.endpoint).custom_id
    except WrongLine:
        name = ""
    return Outcome(n, name, "error", code=code, message=message)

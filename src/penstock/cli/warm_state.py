"""How far a warming run came, in a small file, so that another goes on from there.

Enters: the numbers of items that are done or have failed. Leaves: which need no second look. A state that belongs to
other input, or that cannot be read, is begun anew. May fail: OSError, where it cannot be written.
"""

from __future__ import annotations

import json
import os
import threading
from hashlib import blake2b
from typing import Any

MOST_FAILED = 10_000
"""Failed items that are tried again; of more, only the count is kept."""
_FINGERPRINT_BYTES = 4096


def fingerprint(path: str, *more: str) -> str:
    """What a state belongs to: the beginning of a file, which gateway, which key. Raises OSError."""
    with open(path, "rb") as file:
        beginning = file.read(_FINGERPRINT_BYTES)
    return blake2b("\n".join(more).encode() + b"\n" + beginning, digest_size=16).hexdigest()


class State:
    """Items by number, from 1. Everything below ``next`` is done but for ``failed``; ``done`` is what is, beyond it.
    ``path`` None keeps nothing."""

    def __init__(self, path: str | None, belongs_to: str) -> None:
        self._path = path
        self._belongs_to = belongs_to
        self._lock = threading.Lock()
        self._changed = False
        self.next = 1
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.resumed = False
        if path is not None:
            self._load(path)

    def _load(self, path: str) -> None:
        try:
            with open(path, encoding="utf-8") as file:
                kept: Any = json.loads(file.read(16 * 1024 * 1024))
            if kept["belongs_to"] != self._belongs_to:
                return
            begin, done, failed = kept["next"], set(kept["done"]), set(kept["failed"])
            if not all(type(number) is int and number > 0 for number in (begin, *done, *failed)):
                return
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return
        self.next, self.done, self.failed = begin, done, failed
        self.resumed = begin > 1 or bool(done)

    def is_done(self, number: int) -> bool:
        """Whether an earlier run, or this one, has done it."""
        return number not in self.failed and (number < self.next or number in self.done)

    def mark(self, number: int, *, failed: bool) -> None:
        """An item has come to its end."""
        with self._lock:
            self._changed = True
            if failed and len(self.failed) < MOST_FAILED:
                self.failed.add(number)
            elif not failed:
                self.failed.discard(number)
            if number >= self.next:
                self.done.add(number)
            while self.next in self.done:
                self.done.discard(self.next)
                self.next += 1

    def save(self) -> None:
        """Write it, as a whole or not at all. Raises OSError."""
        if self._path is None or not self._changed:
            return
        with self._lock:
            self._changed = False
            kept = {"belongs_to": self._belongs_to, "next": self.next, "done": sorted(self.done),
                    "failed": sorted(self.failed)}  # fmt: skip
        fresh = f"{self._path}.new"
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(fresh, self._path)

    def forget(self) -> None:
        """All is done: the next run begins anew."""
        if self._path is not None and os.path.lexists(self._path):
            os.unlink(self._path)

    def __repr__(self) -> str:
        return f"<State {self.next - 1} done, {len(self.failed)} failed>"

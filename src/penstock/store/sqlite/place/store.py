"""Where the store's file is: opened one after the other, replaced by a new one when it is damaged.

Enters: a path. Leaves: connections for the threads of this process. Other processes may do the same at the same time:
whoever opens or moves the file holds the lock file beside it, for moments. Fails with OSError and sqlite3.Error.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from penstock.store.sqlite import file
from penstock.store.sqlite.schema import MIGRATIONS, Migration

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger("penstock.store")

LOCK_SECONDS = 5.0
FRESH_SECONDS = 60.0
"""A file that another process has checked so lately is not checked again."""


class Place:
    """Where the file is: opens connections for both threads, and sees when the file was replaced or is damaged."""

    def __init__(self, path: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self.path = path
        self.incarnation = ""
        self._migrations = migrations
        self._checked: file.Marks | None = None
        self._opening = threading.Lock()

    def open(self) -> tuple[sqlite3.Connection, file.Marks]:
        """A connection to the file that is there now; a damaged one is moved aside before. Raises OSError and
        sqlite3.Error."""
        with self._opening:
            folder = os.path.dirname(os.path.abspath(self.path))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with _alone(self.path + ".lock") as note:
                try:
                    return self._open(note)
                except Exception as error:
                    if not file.is_damage(error):
                        raise
                    self._move_aside(error)
                    return self._open(note)

    def _open(self, note: _Note) -> tuple[sqlite3.Connection, file.Marks]:
        file.make(self.path)
        marks = file.marks_of(self.path)
        assert marks is not None
        check = self._checked != marks and not note.says(marks)
        connection, self.incarnation = file.opened(self.path, check=check, migrations=self._migrations)
        self._checked = marks
        if check:
            note.say(marks)
        return connection, marks

    def damaged(self, marks: file.Marks, error: BaseException) -> None:
        """The file with ``marks`` is damaged: move it aside, unless another process has done so. Raises OSError."""
        with self._opening, _alone(self.path + ".lock"):
            if file.marks_of(self.path) == marks:
                self._move_aside(error)

    def _move_aside(self, error: BaseException) -> None:
        aside = file.move_aside(self.path, time.strftime("%Y%m%dT%H%M%S", time.gmtime()))
        log.error("the store %s is damaged (%s): it was moved to %s, and a new one is begun", self.path, error, aside)

    def has(self, marks: file.Marks) -> bool:
        """Whether the file is still the one with ``marks``."""
        return file.marks_of(self.path) == marks

    def __repr__(self) -> str:
        return f"<Place {self.path} incarnation {self.incarnation or 'unknown'}>"


class _Note:
    """What the lock file says: which file was checked, and when."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def says(self, marks: file.Marks) -> bool:
        told = os.pread(self._descriptor, 200, 0).decode("ascii", "replace").split()
        if len(told) != 3 or told[:2] != [str(mark) for mark in marks] or not told[2].isdigit():
            return False
        return 0 <= time.time() - int(told[2]) < FRESH_SECONDS

    def say(self, marks: file.Marks) -> None:
        with contextlib.suppress(OSError):  # a full disk: then everybody checks
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{marks[0]} {marks[1]} {int(time.time())}".encode(), 0)


@contextlib.contextmanager
def _alone(path: str) -> Iterator[_Note]:
    """Alone among the processes that open or move the file. Raises OSError when another one does not let go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(f"{path} is held by another process") from None
                time.sleep(0.02)
        yield _Note(descriptor)
    finally:
        os.close(descriptor)

"""The store's file on the disk: made for its owner alone, checked, and moved aside when damaged. Pure.

Enters: a path. Leaves: open connections. Fails with OSError, NewerFile, and sqlite3.Error; what ``is_damage`` means the
file has to go. Never opens the file itself while SQLite has it open: closing it would drop SQLite's locks.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Sequence

from penstock.store.sqlite.schema import MIGRATIONS, Migration, prepare

BUSY_SECONDS = 5.0
CHECKED_BYTES = 256 * 2**20
"""A file up to this size is checked whole when it is opened; of a larger one damage shows where it is touched."""

Marks = tuple[int, int]


def marks_of(path: str) -> Marks | None:
    """What tells this file from another under the same name; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is not a file")
    return status.st_dev, status.st_ino


def make(path: str) -> None:
    """Make the file, and its folder, if they are not there. Nobody else may read what is in it."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        with contextlib.suppress(OSError):
            os.chmod(path, 0o600)


def opened(path: str, *, check: bool, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[sqlite3.Connection, str]:
    """A connection, and the file's incarnation. With ``check`` the file is read whole, if it is not too large."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=128)
    try:
        if check and os.stat(path).st_size <= CHECKED_BYTES:
            told = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if told != "ok":
                raise _damage(str(told))
        return connection, prepare(connection, migrations)
    except BaseException:
        connection.close()
        raise


def _damage(told: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(told)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_damage(error: BaseException) -> bool:
    """Whether ``error`` says that the file's contents are broken."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.DatabaseError) and code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def move_aside(path: str, stamp: str) -> str:
    """Rename the file and what belongs to it. Gives the new name. Whoever has it open notices by its marks."""
    aside = f"{path}.damaged-{stamp}"
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = f"{path}.damaged-{stamp}-{number}"
    for ending in ("-wal", "-shm", ""):  # the file last: a log of changes must never lie beside a new file
        with contextlib.suppress(FileNotFoundError):
            os.rename(path + ending, aside + ending)
    return aside

"""The tables of the store's file, and how a file of an older version becomes one of the newest. Pure.

Enters: an open connection. Leaves: the file in this version. Fails with NewerFile, and with what SQLite raises.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

Migration = Callable[["sqlite3.Connection"], None]

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
MOST_PAGES = 4 * 2**20
"""16 GiB; a file that is so large takes no more."""


class NewerFile(OSError):
    """The file was written by a newer Penstock."""


def _first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    connection.execute("INSERT INTO about VALUES ('incarnation', lower(hex(randomblob(8))))")
    connection.execute("CREATE TABLE sums (name TEXT PRIMARY KEY, sum INTEGER NOT NULL, expires REAL) WITHOUT ROWID")
    connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")


MIGRATIONS: tuple[Migration, ...] = (_first,)
"""The n-th makes version n of version n - 1. Never change one that was released: add another."""


def prepare(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> str:
    """Bring the file to the newest version. Gives its incarnation. Raises NewerFile."""
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of an empty file alone, and before all else
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute(f"PRAGMA max_page_count = {MOST_PAGES}")
    if _version(connection) != len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)  # another process may have been first
            refuse_newer(version, len(migrations))
            for number, migrate in enumerate(migrations[version:], version + 1):
                migrate(connection)
                connection.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    row = connection.execute("SELECT value FROM about WHERE name = 'incarnation'").fetchone()
    return str(row[0])


def refuse_newer(version: int, known: int = len(MIGRATIONS)) -> None:
    """Raises NewerFile if ``version`` is not known here."""
    if version > known:
        raise NewerFile(
            f"it is of version {version}, and this Penstock knows versions up to {known}: use the newer Penstock that"
            " wrote it, or name another file (store: sqlite:PATH)"
        )


def version_in(header: bytes) -> int:
    """The version told by a file's first bytes; 0 for what is no database."""
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        return 0
    return int.from_bytes(header[60:64], "big")


def refuse_newer_file(path: str) -> None:
    """Raises NewerFile. Reads the file itself: only before anybody in this process has it open."""
    with contextlib.suppress(FileNotFoundError, PermissionError, IsADirectoryError):
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                refuse_newer(version_in(file.read(HEADER_BYTES)))


def record_table(table: str) -> str:
    """The SQL name of a table of records."""
    return f"records_{table}"


def log_table(log: str) -> str:
    """The SQL name of a log."""
    return f"log_{log}"


def make_records(connection: sqlite3.Connection, table: str) -> None:
    """Make the table if it is not there. ``sum`` is a checksum of key and value."""
    name = record_table(table)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name}"
        " (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, expires REAL NOT NULL, sum INTEGER NOT NULL,"
        " value BLOB NOT NULL)"
    )
    connection.execute(f"CREATE INDEX IF NOT EXISTS expires_of_{name} ON {name} (expires)")


def make_log(connection: sqlite3.Connection, log: str) -> None:
    """Make the log if it is not there. AUTOINCREMENT: no position is given twice, whatever was deleted."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {log_table(log)} (position INTEGER PRIMARY KEY AUTOINCREMENT, row BLOB NOT NULL)"
    )


def record_tables(connection: sqlite3.Connection) -> list[str]:
    """The SQL names of all tables of records."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'records_*'")
    return [str(name) for (name,) in rows.fetchall()]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])

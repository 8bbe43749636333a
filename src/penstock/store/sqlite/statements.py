"""Writes and questions as SQL, carried out on a connection that is passed in, at a moment that is passed in. Pure.

Enters: writes, questions. Leaves: results. A batch of writes is one transaction: all of it is stored, or nothing. Fails
with what SQLite raises, and Missed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.core.stored import Missed, Row
from penstock.store.asked import (
    Add,
    Append,
    Delete,
    Drop,
    Extend,
    Get,
    Last,
    Once,
    Put,
    Question,
    Read,
    Scan,
    Write,
    position,
)
from penstock.store.sqlite.schema import log_table, make_log, make_records, record_table, record_tables

if TYPE_CHECKING:
    import sqlite3

SCAN_ROWS = 1000
SCAN_BYTES = 2**20
TIDY_ROWS = 200
FREE_PAGES = 256
TOGETHER = 100
"""Rows in one statement, which costs half as much as a statement each."""
_TOGETHER = ",".join(["(?)"] * TOGETHER)


class Damaged(Exception):
    """A value is not what was written."""


class Writing:
    """What carries out writes on one connection; it knows which tables are there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._made: set[str] = set()
        self._appended: dict[str, int] = {}

    def transact(self, batch: Sequence[Write], now: float) -> list[Any]:
        """Carry out ``batch``; a result each, of those that have one."""
        connection = self._connection
        made = set(self._made)
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._done(write, now) for write in batch]
            connection.execute("COMMIT")
        except BaseException:
            self._made = made
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _done(self, write: Write, now: float) -> Any:
        match write:
            case Put():
                self._put(write)
            case Delete():
                self._make(record_table(write.table), make_records, write.table)
                rows = [(key,) for key in write.keys]
                self._connection.executemany(f"DELETE FROM {record_table(write.table)} WHERE key = ?", rows)
            case Append():
                self._extend(write.log, (write.row,), write.keep)
            case Extend():
                self._extend(write.log, write.rows, write.keep)
            case Drop():
                name = log_table(write.log)
                self._make(name, make_log, write.log)
                self._connection.execute(f"DELETE FROM {name} WHERE position <= ?", (write.upto,))
            case Add():
                return self._add(write, now)
            case Once():
                self._connection.execute(
                    "INSERT INTO names VALUES (?, ?) ON CONFLICT DO NOTHING", (write.name, write.value)
                )
                found = self._connection.execute("SELECT value FROM names WHERE name = ?", (write.name,))
                return found.fetchone()[0]
        return None

    def _make(self, sql_name: str, make: Any, name: str) -> None:
        if sql_name not in self._made:
            make(self._connection, name)
            self._made.add(sql_name)

    def _put(self, write: Put) -> None:
        name = record_table(write.table)
        self._make(name, make_records, write.table)
        # A row keeps its number: a scan under way meets it once, and ends though records are rewritten all the time.
        self._connection.execute(
            f"INSERT INTO {name} (key, expires, sum, value) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET expires = excluded.expires, sum = excluded.sum, value = excluded.value",
            (write.key, write.expires, checksum(write.key, write.value), write.value),
        )

    def _extend(self, log: str, rows: Sequence[bytes], keep: int) -> None:
        name = log_table(log)
        self._make(name, make_log, log)
        whole = len(rows) - len(rows) % TOGETHER
        for at in range(0, whole, TOGETHER):
            # Of bytes, unlike bytearrays, sqlite3 asks whether an adapter is known; a quarter of what a row costs.
            together = [*map(bytearray, rows[at : at + TOGETHER])]
            self._connection.execute(f"INSERT INTO {name} (row) VALUES {_TOGETHER}", together)
        self._connection.executemany(f"INSERT INTO {name} (row) VALUES (?)", [(row,) for row in rows[whole:]])
        count = self._appended.get(name, keep) + len(rows)
        if count > keep // 16:
            count = 0
            self._connection.execute(f"DELETE FROM {name} WHERE position <= last_insert_rowid() - ?", (keep,))
        self._appended[name] = count

    def _add(self, write: Add, now: float) -> int:
        # Without RETURNING, which SQLite has only since 3.35.
        self._connection.execute(
            "INSERT INTO sums (name, sum, expires) VALUES (:name, :amount, :expires) ON CONFLICT (name) DO UPDATE SET"
            " sum = CASE WHEN sums.expires <= :now THEN excluded.sum ELSE sums.sum + excluded.sum END,"
            " expires = CASE WHEN sums.expires <= :now THEN excluded.expires ELSE sums.expires END",
            {"name": write.name, "amount": write.amount, "expires": write.expires, "now": now},
        )
        row = self._connection.execute("SELECT sum FROM sums WHERE name = ?", (write.name,)).fetchone()
        return int(row[0])

    def tidy(self, now: float) -> bool:
        """Delete some of what has expired. Returns whether there may be more."""
        connection = self._connection
        more = False
        for name in record_tables(connection):
            gone = connection.execute(
                f"DELETE FROM {name} WHERE id IN (SELECT id FROM {name} WHERE expires <= ? LIMIT {TIDY_ROWS})", (now,)
            ).rowcount
            more = more or gone == TIDY_ROWS
        connection.execute(
            f"DELETE FROM sums WHERE name IN (SELECT name FROM sums WHERE expires <= ? LIMIT {TIDY_ROWS})", (now,)
        )
        if connection.execute("PRAGMA freelist_count").fetchone()[0] > 2 * FREE_PAGES:
            connection.execute(f"PRAGMA incremental_vacuum({FREE_PAGES})").fetchall()
        return more


def checksum(key: bytes, value: bytes) -> int:
    """Of a record: a value under another key is damaged, too."""
    return zlib.crc32(value, zlib.crc32(key))


def answer(connection: sqlite3.Connection, question: Question, now: float) -> Any:
    """The answer to ``question``. Raises Missed and Damaged."""
    match question:
        case Get():
            return _got(connection, question, now)
        case Scan():
            return _scanned(connection, question, now)
        case Read():
            return _read(connection, question)
        case Last():
            number = _newest(connection, question.log)
            return str(number) if number else ""


def _got(connection: sqlite3.Connection, question: Get, now: float) -> bytes | None:
    name = record_table(question.table)
    if not _is_there(connection, name):
        return None
    row = connection.execute(
        f"SELECT value, sum FROM {name} WHERE key = ? AND expires > ?", (question.key, now)
    ).fetchone()
    if row is None:
        return None
    value = bytes(row[0])
    if checksum(question.key, value) != row[1]:
        raise Damaged(f"a record of {question.table} is not what was written")
    return value


def _scanned(
    connection: sqlite3.Connection, question: Scan, now: float
) -> tuple[list[tuple[bytes, bytes]], str | None]:
    name = record_table(question.table)
    if not _is_there(connection, name):
        return [], None
    batch: list[tuple[bytes, bytes]] = []
    size, last, seen = 0, "", 0
    rows = connection.execute(
        f"SELECT id, key, expires, sum, value FROM {name} WHERE id > ? ORDER BY id LIMIT {SCAN_ROWS}",
        (int(question.cursor or -1),),
    )
    for number, key, expires, told, value in rows:
        seen += 1
        last = str(number)
        if expires > now and checksum(key, value) == told:
            batch.append((key, value))
            size += len(value)
            if size >= SCAN_BYTES:
                break
    rows.close()
    return batch, last if seen == SCAN_ROWS or size >= SCAN_BYTES else None


def _read(connection: sqlite3.Connection, question: Read) -> list[Row]:
    name = log_table(question.log)
    after = position(question.after)
    if not _is_there(connection, name):
        if after:
            raise Missed(f"the log {question.log} has begun anew")
        return []
    rows = connection.execute(
        f"SELECT position, row FROM {name} WHERE position > ? ORDER BY position LIMIT ?",
        (after, max(0, question.limit)),
    ).fetchall()
    if after:
        if rows and rows[0][0] != after + 1:
            raise Missed(f"rows of the log {question.log} behind {after} are gone")
        if not rows and _newest(connection, question.log) < after:
            raise Missed(f"the log {question.log} has begun anew")
    return [(str(number), bytes(row)) for number, row in rows]


def _newest(connection: sqlite3.Connection, log: str) -> int:
    name = log_table(log)
    if not _is_there(connection, name):
        return 0
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row is not None else 0


def _is_there(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
    return found.fetchone() is not None

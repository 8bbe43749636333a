import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock.store.asked import Add, Append, Delete, Get, Last, Put, Read, Scan
from penstock.store.sqlite.schema import prepare
from penstock.store.sqlite.statements import SCAN_ROWS, TIDY_ROWS, Damaged, Writing, answer, checksum

NOBODY: Any = None


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as opened:
        prepare(opened)
        yield opened


def test_a_batch_is_stored_whole_or_not_at_all(connection: sqlite3.Connection) -> None:
    writing = Writing(connection)
    bad = Put("t", b"k2", "no bytes", "no number")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        writing.transact([Put("t", b"k", b"v", 9.0), bad], 1.0)
    assert not connection.in_transaction
    assert answer(connection, Get("t", b"k"), 1.0) is None
    writing.transact([Put("t", b"k", b"v", 9.0)], 1.0)  # the table that was undone is made again
    assert answer(connection, Get("t", b"k"), 1.0) == b"v"
    assert answer(connection, Get("t", b"k"), 9.0) is None


def test_a_value_that_was_changed_is_not_given(connection: sqlite3.Connection) -> None:
    Writing(connection).transact([Put("t", b"k", b"value", 9.0), Put("t", b"j", b"other", 9.0)], 1.0)
    connection.execute("UPDATE records_t SET value = x'00' WHERE key = x'6b'")
    with pytest.raises(Damaged):
        answer(connection, Get("t", b"k"), 1.0)
    assert answer(connection, Scan("t", ""), 1.0) == ([(b"j", b"other")], None)
    connection.execute("UPDATE records_t SET key = x'6c' WHERE key = x'6a'")
    with pytest.raises(Damaged):
        answer(connection, Get("t", b"l"), 1.0)


def test_the_checksum_is_of_key_and_value() -> None:
    assert checksum(b"a", b"b") != checksum(b"b", b"b")
    assert checksum(b"a", b"b") != checksum(b"a", b"c")


def test_tidying_deletes_what_has_expired_in_small_steps(connection: sqlite3.Connection) -> None:
    writing = Writing(connection)
    writing.transact([Put("t", b"%d" % n, bytes(5000), 5.0) for n in range(TIDY_ROWS * 2 + 10)], 1.0)
    writing.transact([Put("t", b"kept", b"", 50.0), Add("s", 1, 5.0, NOBODY), Add("stays", 1, None, NOBODY)], 1.0)
    assert not writing.tidy(4.0)
    steps = 1
    while writing.tidy(6.0):
        steps += 1
    assert steps == 3
    assert connection.execute("SELECT key FROM records_t").fetchall() == [(b"kept",)]
    assert connection.execute("SELECT name FROM sums").fetchall() == [("stays",)]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    for _ in range(10):
        writing.tidy(6.0)
    assert connection.execute("PRAGMA page_count").fetchone()[0] < pages


def test_a_scan_goes_on_where_it_was(connection: sqlite3.Connection) -> None:
    writing = Writing(connection)
    writing.transact([Put("t", b"%d" % n, b"", 2.0 if n % 2 else 9.0) for n in range(SCAN_ROWS * 2)], 1.0)
    first, cursor = answer(connection, Scan("t", ""), 3.0)
    assert len(first) == SCAN_ROWS / 2
    second, cursor = answer(connection, Scan("t", cursor), 3.0)
    assert len(second) == SCAN_ROWS / 2
    assert answer(connection, Scan("t", cursor), 3.0) == ([], None)
    large = [Put("u", b"%d" % n, bytes(600_000), 9.0) for n in range(4)]
    writing.transact(large, 1.0)
    assert len(answer(connection, Scan("u", ""), 3.0)[0]) == 2


def test_a_scan_ends_however_fast_records_are_rewritten(connection: sqlite3.Connection) -> None:
    writing = Writing(connection)
    puts = [Put("t", b"%d" % n, b"", 9.0) for n in range(SCAN_ROWS + 10)]
    writing.transact(puts, 1.0)
    first, cursor = answer(connection, Scan("t", ""), 3.0)
    writing.transact(puts, 1.0)
    rest, cursor = answer(connection, Scan("t", cursor), 3.0)
    assert (len(first), len(rest), cursor) == (SCAN_ROWS, 10, None)


def test_positions_go_on_when_all_rows_are_gone(connection: sqlite3.Connection) -> None:
    writing = Writing(connection)
    writing.transact([Append("l", b"1", 1), Append("l", b"2", 1)], 1.0)
    assert answer(connection, Last("l"), 1.0) == "2"
    connection.execute("DELETE FROM log_l")
    writing.transact([Append("l", b"3", 1)], 1.0)
    assert answer(connection, Read("l", "", 5, 0.0), 1.0) == [("3", b"3")]


def test_deleting_from_a_table_that_is_not_there_makes_it(connection: sqlite3.Connection) -> None:
    Writing(connection).transact([Delete("t", (b"k",))], 1.0)
    assert answer(connection, Scan("t", ""), 1.0) == ([], None)

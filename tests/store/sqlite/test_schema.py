import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.store.sqlite.schema import (
    MIGRATIONS,
    NewerFile,
    make_log,
    make_records,
    prepare,
    record_tables,
    refuse_newer_file,
    version_in,
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as opened:
        yield opened


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_file_gets_the_newest_version_and_an_incarnation(connection: sqlite3.Connection) -> None:
    incarnation = prepare(connection)
    assert len(incarnation) == 16
    assert version(connection) == len(MIGRATIONS)
    assert prepare(connection) == incarnation
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_each_migration_is_done_once_and_keeps_what_is_there(connection: sqlite3.Connection) -> None:
    incarnation = prepare(connection)
    make_records(connection, "things")
    connection.execute("INSERT INTO records_things (key, expires, sum, value) VALUES (x'61', 9e9, 0, x'62')")
    done: list[int] = []

    def second(connection: sqlite3.Connection) -> None:
        done.append(2)
        for table in record_tables(connection):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN tag TEXT DEFAULT 'none'")

    def third(connection: sqlite3.Connection) -> None:
        done.append(3)

    assert prepare(connection, [*MIGRATIONS, second, third]) == incarnation
    assert prepare(connection, [*MIGRATIONS, second, third]) == incarnation
    assert done == [2, 3]
    assert version(connection) == len(MIGRATIONS) + 2
    assert connection.execute("SELECT key, value, tag FROM records_things").fetchone() == (b"a", b"b", "none")


def test_a_migration_that_fails_changes_nothing(connection: sqlite3.Connection) -> None:
    prepare(connection)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise sqlite3.OperationalError("disk full")

    with pytest.raises(sqlite3.OperationalError):
        prepare(connection, [*MIGRATIONS, half])
    assert version(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchone() is None


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path, connection: sqlite3.Connection) -> None:
    prepare(connection)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(NewerFile, match="use the newer Penstock"):
        prepare(connection)
    assert version(connection) == len(MIGRATIONS) + 1
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with pytest.raises(NewerFile):
        refuse_newer_file(str(tmp_path / "s.db"))


def test_what_is_no_file_of_ours_is_not_refused_as_newer(tmp_path: Path) -> None:
    refuse_newer_file(str(tmp_path / "none"))
    refuse_newer_file(str(tmp_path))
    (tmp_path / "short").write_bytes(b"SQLite format 3\x00" + bytes(20))
    refuse_newer_file(str(tmp_path / "short"))
    (tmp_path / "text").write_bytes(b"\xff" * 200)
    refuse_newer_file(str(tmp_path / "text"))
    assert version_in(b"\xff" * 200) == 0


def test_tables_of_records_are_told_from_the_others(connection: sqlite3.Connection) -> None:
    prepare(connection)
    for name in ("a", "b_c"):
        make_records(connection, name)
        make_records(connection, name)
    make_log(connection, "told")
    assert sorted(record_tables(connection)) == ["records_a", "records_b_c"]

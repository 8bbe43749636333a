import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.store.sqlite.file import is_damage, make, marks_of, move_aside, opened


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "s.db")
    make(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
    os.chmod(path, 0o644)
    make(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    connection, _ = opened(path, check=True)
    with closing(connection):
        for ending in ("-wal", "-shm"):
            assert os.stat(path + ending).st_mode & 0o777 == 0o600


def test_marks_tell_files_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    assert marks_of(path) is None
    make(path)
    marks = marks_of(path)
    assert marks is not None
    assert marks_of(path) == marks
    os.rename(path, path + ".old")
    make(path)
    assert marks_of(path) != marks
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="is not a file"):
            marks_of(str(odd))


def test_what_is_no_database_is_damage(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    Path(path).write_bytes(b"\xff" * 8192)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        opened(path, check=True)
    assert is_damage(caught.value)


def test_a_broken_page_is_damage(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    connection, _ = opened(path, check=True)
    with closing(connection):
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(os.urandom(900),) for _ in range(100)])
    with open(path, "r+b") as file:
        file.seek(4096 * 6)
        file.write(os.urandom(4096 * 8))
    with pytest.raises(sqlite3.DatabaseError) as caught:
        opened(path, check=True)
    assert is_damage(caught.value)


def test_other_errors_are_no_damage(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT * FROM nothing")
    assert not is_damage(caught.value)
    assert not is_damage(OSError("disk"))
    assert not is_damage(ValueError())


def test_moving_aside_takes_all_of_it_and_never_covers_another(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    names = []
    for round_ in range(3):
        for ending in ("", "-wal"):
            Path(f"{path}{ending}").write_text(f"{round_}{ending}")
        names.append(move_aside(str(path), "now"))
        assert not path.exists()
        assert not Path(f"{path}-wal").exists()
    assert names[0] == f"{path}.damaged-now"
    assert [Path(name).read_text() for name in names] == ["0", "1", "2"]
    assert [Path(name + "-wal").read_text() for name in names] == ["0-wal", "1-wal", "2-wal"]

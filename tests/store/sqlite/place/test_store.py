import fcntl
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.store.sqlite.file import marks_of
from penstock.store.sqlite.place import store as place_store
from penstock.store.sqlite.place.store import Place


def test_the_file_is_made_and_its_incarnation_known(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "a" / "s.db"))
    assert place.incarnation == ""
    first, marks = place.open()
    with closing(first):
        incarnation = place.incarnation
        assert incarnation
        second, others = place.open()
        with closing(second):
            assert (place.incarnation, others) == (incarnation, marks)
            assert place.has(marks)


def test_what_is_no_database_is_moved_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"\x01" * 9000)
    place = Place(str(path))
    connection, _ = place.open()
    with closing(connection):
        assert place.incarnation
    aside = next(tmp_path.glob("s.db.damaged-*"))
    assert aside.read_bytes() == b"\x01" * 9000
    assert str(aside) in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test_damage_is_moved_aside_by_the_first_alone(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "s.db"))
    first, marks = place.open()
    first.close()
    place.damaged(marks, sqlite3.DatabaseError("broken"))
    assert not place.has(marks)
    second, new = place.open()
    with closing(second):
        place.damaged(marks, sqlite3.DatabaseError("broken"))  # as another process that met it would tell
        assert place.has(new)
    assert len(list(tmp_path.glob("s.db.damaged-*"))) == 1


def test_a_file_is_checked_once_and_not_again_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[bool] = []
    real = place_store.file.opened

    def opened(path: str, *, check: bool, migrations: object) -> object:
        checks.append(check)
        return real(path, check=check)

    monkeypatch.setattr(place_store.file, "opened", opened)
    place, other = Place(str(tmp_path / "s.db")), Place(str(tmp_path / "s.db"))
    for each in (place, place, other):
        each.open()[0].close()
    assert checks == [True, False, False]
    os.rename(tmp_path / "s.db", tmp_path / "old.db")
    place.open()[0].close()
    assert checks[3:] == [True]
    (tmp_path / "s.db.lock").write_text("who knows what this is \xff")
    Place(str(tmp_path / "s.db")).open()[0].close()
    assert checks[4:] == [True]


def test_who_does_not_let_go_of_the_lock_holds_nobody_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_store, "LOCK_SECONDS", 0.1)
    path = str(tmp_path / "s.db")
    with open(path + ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="is held by another process"):
            Place(path).open()
    Place(path).open()[0].close()
    assert marks_of(path) is not None

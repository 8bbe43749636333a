"""What the bench of kills counts as wrong. Its twin is tests/cache/test_killed.py."""

import sqlite3
from pathlib import Path

from bench.cache_kill import Outcome, problems, verify
from bench.cache_start import Start


def test_what_would_be_no_kept_promise_is_told() -> None:
    good = Outcome(kills=2, found=3, started=[0.3])
    assert problems(good, None) == []
    assert problems(good, Start(entries=10, ready=1.9)) == []
    assert len(problems(good, Start(entries=10, ready=2.1))) == 1
    assert len(problems(good, Start())) == 1
    assert len(problems(Outcome(kills=2), None)) == 1
    assert problems(Outcome(kills=2, found=3, faults=["WRONG"]), None) == ["WRONG"]


def test_a_file_is_verified_where_it_lies_and_left_as_it_is(tmp_path: Path) -> None:
    path, outcome = tmp_path / "store.sqlite", Outcome()
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE t (a)")
    file.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    file.commit()
    file.close()
    verify(tmp_path, outcome)
    assert outcome.faults == []
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    verify(tmp_path, outcome)
    assert len(outcome.faults) == 1
    assert path.read_bytes() == data
    (tmp_path / "store.sqlite.damaged-1").write_bytes(b"")
    verify(tmp_path, outcome)
    assert "lies there" in outcome.faults[-1]

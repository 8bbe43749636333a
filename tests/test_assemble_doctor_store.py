import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.assemble_doctor_store import examine_store
from penstock.config import Config
from tests.support.gateway import OPEN_ECHO
from tests.support.redis_server import redis_running


def config(store: str) -> Config:
    return Config.parse(f"{OPEN_ECHO}store: '{store}'\n", "penstock.yaml", {})


def test_memory_is_always_well() -> None:
    assert examine_store(config("memory"), {}).state == "ok"


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    step = examine_store(config(f"sqlite:{tmp_path}/deep/er/s.db"), {})
    assert step.state == "ok"
    assert "is not there yet" in step.said
    assert list(tmp_path.iterdir()) == []


def test_a_good_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    before = path.read_bytes()
    step = examine_store(config(f"sqlite:{path}"), {})
    assert (step.state, step.fix) == ("ok", "")
    assert step.said == f"{path}, 0.0 MB"
    assert path.read_bytes() == before


def test_a_damaged_file_is_told_and_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"\xff" * 9000)
    step = examine_store(config(f"sqlite:{path}"), {})
    assert step.state == "failed"
    assert "is damaged" in step.said
    assert "moves it aside" in step.fix
    assert [each.name for each in tmp_path.iterdir()] == ["s.db"]


def test_a_newer_file_and_one_that_is_no_file_are_told(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    step = examine_store(config(f"sqlite:{tmp_path}/s.db"), {})
    assert step.state == "failed"
    assert "use the newer Penstock" in step.said
    step = examine_store(config(f"sqlite:{tmp_path}"), {})
    assert step.state == "failed"
    assert "may not be written to" in step.said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    step = examine_store(config(f"sqlite:{tmp_path}/s.db"), {})
    assert step.state == "failed"
    assert "may not be written to" in step.said


@pytest.mark.redis
def test_a_server_says_its_version_and_nothing_of_it_changes(redis_server: str, tmp_path: Path) -> None:
    with redis_running(redis_server, tmp_path) as server:
        step = examine_store(config(server.url), {})
        assert step.state == "ok"
        assert f"127.0.0.1:{server.port} answers: redis_version:" in step.said
        assert [key for key in server.ask("KEYS", "*") if key != b"penstock:incarnation"] == []
    step = examine_store(config(server.url), {})
    assert step.state == "failed"
    assert "connecting to" in step.said
    assert "look whether the server runs" in step.fix

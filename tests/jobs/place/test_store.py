import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock.jobs.place.store import Place, take_lock, write_all
from tests.support.running_gateway import ROOT


def test_a_thing_appears_whole(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "jobs"))
    assert not place.exists
    draft = place.draft("d")
    draft.write("data", b"one")
    draft.write("data", b"two")
    assert place.names("things") == []
    assert draft.publish(("things", "a"))
    assert place.read("things", "a", "data") == b"onetwo"
    assert place.names("things", "a") == ["data"]
    assert place.names("tmp") == []


def test_one_that_is_there_stays(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    for data, new in ((b"first", True), (b"second", False)):
        draft = place.draft("d")
        draft.write("data", data)
        assert draft.publish(("things", "a")) is new
    assert place.read("things", "a", "data") == b"first"


def test_a_link_outlives_its_source(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    (tmp_path / "source").write_bytes(b"x")
    draft = place.draft("d")
    draft.link("input", str(tmp_path / "source"))
    draft.publish(("a",))
    (tmp_path / "source").unlink()
    assert place.read("a", "input") == b"x"
    with pytest.raises(FileNotFoundError):
        place.draft("e").link("input", str(tmp_path / "source"))


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    room = 5

    def write(file: int, data: bytes) -> None:
        nonlocal room
        write_all(file, data[:room])
        if len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        room -= len(data)

    place = Place(str(tmp_path), write)
    draft = place.draft("d")
    draft.write("data", b"abc")
    with pytest.raises(OSError):
        draft.write("data", b"defghi")
    draft.drop()
    assert place.names("tmp") == []
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"old")
    room = 1
    with pytest.raises(OSError):
        place.replace(b"new", "a", "f")
    assert place.read("a", "f") == b"old"
    assert place.names("a") == ["f"]


def test_what_is_removed_is_gone_at_once(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.draft("d").publish(("a",))
    assert place.remove("a")
    assert not place.remove("a")
    assert place.names() == ["tmp"]
    assert place.names("tmp") == []


def test_bytes_with_two_names_are_counted_once(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    (tmp_path / "one").write_bytes(b"x" * 100)
    os.link(tmp_path / "one", tmp_path / "two")
    assert place.used() == 100


def test_only_what_nobody_works_on_is_tidied(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    draft = place.draft("mine")
    code = f"from penstock.jobs.place.store import Place; import sys; p = Place({str(tmp_path)!r}); d = p.draft('its');"
    other = subprocess.Popen(
        [sys.executable, "-c", code + "print('ready', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        assert place.tidy() == 0
        assert take_lock(str(tmp_path / "tmp" / "its")) is None
        other.send_signal(signal.SIGKILL)
        other.wait(30)
        by = time.monotonic() + 30
        while not place.tidy():
            assert time.monotonic() < by
        assert place.names("tmp") == ["mine"]
    finally:
        other.kill()
        other.communicate()
    draft.drop()


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    lock = take_lock(str(tmp_path))
    assert lock is not None
    assert take_lock(str(tmp_path)) is None
    os.close(lock)
    again = take_lock(str(tmp_path))
    assert again is not None
    os.close(again)
    assert take_lock(str(tmp_path / "nothing")) is None

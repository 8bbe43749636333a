import errno
from pathlib import Path

import pytest

from penstock.core.errors import CallerError, GatewayError
from penstock.jobs.job import Counts
from penstock.jobs.store import told
from tests.support.jobs import job, keep_file, keep_job, shelf


def test_a_key_has_its_own_files_only(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    file = keep_file(on, b"data")
    keep_file(on, b"other", key="../x", id="file-pen-00000002")
    assert on.file("k", file.id, 0.0) == file
    assert on.files("k") == [file.id]
    assert Path(on.data_path("k", file.id)).read_bytes() == b"data"
    for key, id in (("other", file.id), ("k", "file-pen-00000002")):
        with pytest.raises(CallerError) as error:
            on.file(key, id, 0.0)
        assert error.value.status == 404
    assert on.file("../x", "file-pen-00000002", 0.0).bytes == 5
    assert all("x2e2e2f78" in name or name == "k" for name in on.place.names("keys"))


def test_files_expire(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    keep_file(on, b"data", expires=50.0)
    assert on.file("k", "file-pen-00000001", 49.0).bytes == 4
    with pytest.raises(CallerError):
        on.file("k", "file-pen-00000001", 50.0)
    assert on.sweep(49.0, 100.0) == 0
    assert on.sweep(51.0, 100.0) == 1
    assert (on.files("k"), on.used) == ([], 0)


def test_a_job_keeps_its_input(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    one = keep_job(on, b"line\n")
    on.delete_file("k", one.input_file)
    assert Path(on.folder(one), "input").read_bytes() == b"line\n"
    with pytest.raises(FileNotFoundError):
        on.keep_job(on.draft(), job(id="batch_pen_00000002"))


def test_cancelling_is_seen_by_all(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    one = keep_job(on, b"line\n", status="in_progress")
    on.cancel(one, 7.5)
    on.cancel(one, 9.0)
    seen = shelf(tmp_path).job("k", one.id)
    assert (seen.status, seen.cancelling) == ("cancelling", 7.5)
    on.save(one.changed(status="cancelled", ended=8.0), Counts(3, 1))
    assert (on.job("k", one.id).status, on.counts(one)) == ("cancelled", Counts(3, 1))
    on.drop_work(one)
    on.drop_work(one)
    assert on.place.names("keys", "k", "batches", one.id) == ["cancel", "counts.json", "job.json"]


def test_one_works_on_a_job(tmp_path: Path) -> None:
    on, other = shelf(tmp_path), shelf(tmp_path)
    one = keep_job(on, b"line\n")
    lock = on.lock(one)
    assert lock is not None
    assert other.lock(one) is None
    on.unlock(lock)
    lock = other.lock(one)
    assert lock is not None
    other.unlock(lock)
    assert on.stored(one) == one
    assert on.stored(job(id="batch_pen_00000009")) is None


def test_ended_jobs_are_let_go(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    one = keep_job(on, b"line\n", status="completed", ended=10.0)
    two = job(id="batch_pen_00000002")
    on.keep_job(on.draft(), two)
    assert [found.id for found in on.all_jobs({one.id})] == [two.id]
    assert on.sweep(109.0, 100.0) == 0
    assert on.sweep(111.0, 100.0) == 1
    assert on.jobs("k") == [two.id]
    assert on.delete_job(two)


def test_what_was_written_by_something_else_is_not_there(tmp_path: Path) -> None:
    on = shelf(tmp_path)
    one = keep_job(on, b"line\n")
    Path(on.folder(one), "job.json").write_bytes(b'{"id": 3}')
    assert list(on.all_jobs(set())) == []
    with pytest.raises(CallerError):
        on.job("k", one.id)


def test_the_bound_of_the_disk(tmp_path: Path) -> None:
    on = shelf(tmp_path, most=10)
    keep_file(on, b"123456")
    on.check_room(4)
    with pytest.raises(GatewayError) as error:
        on.check_room(5)
    assert (error.value.status, error.value.code) == (507, "disk_full")
    assert told(OSError(errno.ENOSPC, "x")).status == 507
    assert told(OSError(errno.EACCES, "x")).status == 503

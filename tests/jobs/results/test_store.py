import errno
import os
from pathlib import Path

import msgspec
import pytest

from penstock.jobs.place.store import Place, write_all
from penstock.jobs.record import Outcome, encode
from penstock.jobs.results import store
from penstock.jobs.results.store import Log


def outcome(n: int, size: int = 10) -> Outcome:
    return Outcome(n, f"c{n}", "ok", 200, "r", msgspec.Raw(b'"%b"' % (b"x" * size)), tokens_in=1)


def test_what_was_appended_is_there_again(tmp_path: Path) -> None:
    place, path = Place(str(tmp_path)), str(tmp_path / "log")
    log = Log(place, path)
    log.append([outcome(2), outcome(0)])
    log.append([outcome(1), outcome(2)])  # a line that is done is not done again
    log.close()
    again = Log(place, path)
    assert again.done == {0, 1, 2}
    assert (again.sums.completed, again.sums.tokens_in) == (3, 3)
    assert [again.at(*again.places()[n]).n for n in range(3)] == [0, 1, 2]
    again.close()


@pytest.mark.parametrize("cut", [1, 20, 60, 130])
def test_a_torn_end_is_cut_off_and_written_over(tmp_path: Path, cut: int) -> None:
    place, path = Place(str(tmp_path)), tmp_path / "log"
    whole = [encode(outcome(n)) for n in range(3)]
    path.write_bytes(b"".join(whole)[:-cut])
    log = Log(place, str(path))
    missing = {0, 1, 2} - log.done
    assert missing
    log.append([outcome(n) for n in sorted(missing)])
    log.close()
    assert path.read_bytes() == b"".join(whole)


def test_records_longer_than_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PIECE_BYTES", 64)
    log = Log(Place(str(tmp_path)), str(tmp_path / "log"))
    log.append([outcome(n, size=n * 50) for n in range(8)])
    assert len(log.places()) == 8
    assert all(log.at(*place).n == n for n, place in log.places().items())
    log.close()
    again = Log(Place(str(tmp_path)), str(tmp_path / "log"))
    assert len(again.done) == 8
    again.close()


@pytest.mark.parametrize("at_sync", [False, True])
def test_what_the_disk_does_not_take_is_not_there(tmp_path: Path, at_sync: bool) -> None:
    full = False

    def write(file: int, data: bytes) -> None:
        if full and not at_sync:
            write_all(file, data[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, data)

    def sync(file: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fsync(file)

    log = Log(Place(str(tmp_path), write, sync), str(tmp_path / "log"))
    log.append([outcome(0)])
    full = True
    with pytest.raises(OSError):
        log.append([outcome(1), outcome(2)])
    assert log.done == {0}
    assert (tmp_path / "log").read_bytes() == encode(outcome(0))
    full = False
    log.append([outcome(1), outcome(2)])
    assert len(log.places()) == 3
    log.close()

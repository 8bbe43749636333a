"""Rows of others happen here too; our own, forged and damaged ones do not."""

from __future__ import annotations

from penstock.cache.hearing import MOST_UNTOLD, ROW
from penstock.cache.rows import Flushed, Gone, Row, Stored, Used, row_bytes
from penstock.cache.sealed import Seal
from penstock.cache.store import LOG, Shelf
from tests.support.caching import WALL, answer, entry, id_of, shelf
from tests.support.shared_store import FakeStore, Shared


def row(said: Row, secret: bytes = b"secret") -> bytes:
    return Seal(secret).sign(ROW, row_bytes(said))


def kept() -> Shelf:
    one = shelf(me="me")
    one.keep(entry("a"), answer())
    return one


def test_each_kind_of_row_happens() -> None:
    one = kept()
    one.take(row(Stored("other", entry("b"))))
    assert one.find(id_of("b")) is not None
    one.take(row(Used("other", [(id_of("a"), 3, WALL + 9), (id_of("nothing"), 1, WALL)])))
    assert (one.directory.entries[id_of("a")].accesses, one.directory.entries[id_of("a")].accessed) == (3, WALL + 9)
    one.take(row(Gone("other", [id_of("b"), id_of("nothing")], "full")))
    assert one.find(id_of("b")) is None
    one.take(row(Flushed("other", {"model": "m"}, WALL)))
    assert not one.directory.entries
    assert len(one.tier) == 0
    assert one.directory.evicted == {}  # who let them go has counted them


def test_what_is_not_to_be_heard() -> None:
    one = kept()
    said = Flushed("other", {}, WALL)
    for data in (row(said, b"another secret"), row(said)[:-1], row_bytes(said), b"", row(Flushed("me", {}, WALL))):
        assert one.read(data) is None
        one.take(data)
    one.seal = None
    assert one.read(row(said)) is None
    assert set(one.directory.entries) == {id_of("a")}


def test_a_flush_is_untold_until_the_log_shows_it() -> None:
    one = shelf(FakeStore(state := Shared()), me="me")
    one.flush({"model": "m"})
    one.flush({"model": "n"})
    assert len(one.untold) == 2
    one.take(row(Flushed("other", {"model": "m"}, WALL)))
    one.take(row(Flushed("me", {"model": "m"}, WALL - 1)))  # an older one
    assert len(one.untold) == 2
    one.take(state.logs[LOG][0])
    assert [said.what for said in one.untold.values()] == [{"model": "n"}]
    one.tell_again()
    assert state.logs[LOG][2] == state.logs[LOG][1]
    assert len(one.untold) == 1


def test_what_is_untold_is_bounded() -> None:
    one = shelf(FakeStore(Shared()), me="me")
    for number in range(MOST_UNTOLD + 5):
        one.flush({"tag": str(number)})
    assert len(one.untold) == MOST_UNTOLD
    assert (("tag", "4"),) not in one.untold
    alone = shelf()
    alone.flush({"tag": "t"})
    assert not alone.untold

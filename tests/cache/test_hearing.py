"""Rows of others happen here too; our own, forged and damaged ones do not."""

from __future__ import annotations

from penstock.cache.hearing import ROW
from penstock.cache.rows import Flushed, Gone, Row, Stored, Used, row_bytes
from penstock.cache.sealed import Seal
from penstock.cache.store import Shelf
from tests.support.caching import WALL, answer, entry, id_of, shelf


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

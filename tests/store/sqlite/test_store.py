import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock.store.sqlite import file, service, store
from penstock.store.sqlite.schema import MIGRATIONS
from tests.support.stores import Stores, during, scanned, until

FAR = time.time() + 3600


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.05)
    return Stores("sqlite", tmp_path)


def test_a_value_that_was_changed_on_the_disk_is_a_miss_and_goes(stores: Stores) -> None:
    async def work() -> None:
        opened = stores.open()
        table = opened.records("things")
        table.put(b"k", b"value", FAR)
        await opened.flush()
        with closing(sqlite3.connect(stores.path, isolation_level=None)) as connection:
            connection.execute("UPDATE records_things SET value = x'0000'")
        assert await table.get(b"k") is None
        assert ["get", "damaged", 1] in opened.dump()["operations"]
        await opened.flush()
        with closing(sqlite3.connect(stores.path)) as connection:
            assert connection.execute("SELECT count(*) FROM records_things").fetchone() == (0,)
        table.put(b"k", b"value", FAR)
        await opened.flush()
        assert await table.get(b"k") == b"value"

    stores.run(work)


def test_a_newer_file_is_left_alone_and_said(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    async def first() -> None:
        stores.open().records("things").put(b"k", b"v", FAR)

    stores.run(first)
    with closing(sqlite3.connect(stores.path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    async def second() -> None:
        opened = stores.open()
        opened.records("things").put(b"k", b"other", FAR)
        await opened.flush()
        assert await opened.records("things").get(b"k") is None
        dump = opened.dump()
        assert (dump["lost"], dump["reachable"]) == (1, False)
        assert "use the newer Penstock" in dump["trouble"]
        with pytest.raises(OSError, match="newer Penstock"):
            await opened.counters.add("n", 1)

    stores.run(second)
    assert "use the newer Penstock" in caplog.text
    with closing(sqlite3.connect(stores.path)) as connection:
        assert connection.execute("SELECT value FROM records_things").fetchone() == (b"v",)


def refused(code: int, message: str) -> Callable[..., Any]:
    def opened(path: str, **more: Any) -> Any:
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode = code
        raise error

    return opened


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (sqlite3.SQLITE_FULL, "database or disk is full"),
        (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
        (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        (sqlite3.SQLITE_BUSY, "database is locked"),
        (sqlite3.SQLITE_IOERR, "disk I/O error"),
    ],
)
def test_while_the_disk_refuses_nothing_fails_and_afterwards_all_is_well(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int, message: str
) -> None:
    async def work() -> None:
        opened = stores.open()
        table, log = opened.records("things"), opened.log("told", 50)
        with monkeypatch.context() as patch:
            patch.setattr(file, "opened", refused(code, message))
            for _ in range(20):
                assert table.put(b"k", b"v", FAR)
                assert not await opened.flush()
                assert await table.get(b"k") is None
                assert await scanned(opened, "things") == {}
                assert await log.read("", 5) == []
                assert await log.last() == ""
            with pytest.raises(OSError, match=message):
                await opened.counters.once("n", b"v")
            dump = opened.dump()
            assert dump["lost"] >= 20
            assert not dump["reachable"]
            assert message in dump["trouble"]
            assert opened.incarnation == ""
        assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1
        lost = opened.dump()["lost"]
        table.put(b"k", b"v", FAR)
        await opened.flush()
        await asyncio.sleep(0.06)  # the reader's pause after its last failure
        assert await table.get(b"k") == b"v"
        assert opened.dump()["lost"] == lost
        assert opened.dump()["reachable"]
        assert "is well again" in caplog.text

    stores.run(work)


def test_a_file_that_is_locked_for_ever_costs_writes_and_nothing_else(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "BUSY_SECONDS", 0.1)

    async def work() -> None:
        opened = stores.open()
        table = opened.records("things")
        table.put(b"k", b"v", FAR)
        await opened.flush()
        with closing(sqlite3.connect(stores.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            table.put(b"k", b"other", FAR)
            await opened.flush()
            assert opened.dump()["lost"] == 1
            assert await table.get(b"k") == b"v"  # readers go on
            other.execute("ROLLBACK")
        table.put(b"k", b"third", FAR)
        await opened.flush()
        assert await table.get(b"k") == b"third"

    stores.run(work)


def test_a_disk_that_hangs_holds_no_call(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "GET_SECONDS", 0.05)
    real = file.opened

    def slow(path: str, **more: Any) -> Any:
        time.sleep(0.5)
        return real(path, **more)

    async def work() -> None:
        opened = stores.open()
        monkeypatch.setattr(file, "opened", slow)
        began = time.monotonic()
        assert await opened.records("things").get(b"k") is None
        assert time.monotonic() - began < 0.4
        assert ["get", "away", 1] in opened.dump()["operations"]

    stores.run(work)


def test_too_many_questions_are_refused(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_QUESTIONS", 10)

    async def work() -> None:
        opened = stores.open()
        table = opened.records("things")
        table.put(b"k", b"v", FAR)
        await opened.flush()
        answers = await asyncio.gather(*(table.get(b"k") for _ in range(500)))
        assert b"v" in answers
        assert None in answers
        assert await table.get(b"k") == b"v"

    stores.run(work)


def test_the_follower_of_a_store_that_is_away_waits(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        opened = stores.open()
        log = opened.log("told", 50)
        with monkeypatch.context() as patch:
            patch.setattr(file, "opened", refused(sqlite3.SQLITE_FULL, "full"))
            began = time.monotonic()
            assert await log.read("", 5, 0.3) == []
            assert time.monotonic() - began >= 0.29
        async with during(log.read("", 5, 20)) as reading:
            log.append(b"news")
            assert [row for _, row in await reading] == [b"news"]

    stores.run(work)


def test_two_that_share_a_file_which_is_damaged_begin_one_new_file(stores: Stores, tmp_path: Path) -> None:
    async def work() -> None:
        one, other = stores.open(), stores.open()
        for opened in (one, other):
            opened.records("things").put(b"k", bytes(100_000), FAR)
            await opened.flush()
            assert await opened.records("things").get(b"k") == bytes(100_000)
        before = one.incarnation
        with closing(sqlite3.connect(stores.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_pages(stores.path)
        for opened in (one, other, one, other):
            assert await scanned(opened, "things") in ({}, {b"k": b"new"})
            opened.records("things").put(b"k", b"new", FAR)
            await opened.flush()
        assert one.incarnation == other.incarnation != before
        for opened in (one, other):
            assert await opened.records("things").get(b"k") == b"new"
            assert opened.dump()["reachable"]
        aside = [name for name in os.listdir(os.path.dirname(stores.path)) if "damaged" in name]
        assert len([name for name in aside if name.count("-") == 1]) == 1

    stores.run(work)


def break_pages(path: str) -> None:
    with open(path, "r+b") as broken:
        broken.seek(4096)
        broken.write(b"\xa5" * 4096 * 40)


def mount(arguments: str) -> int:
    return os.system(f"mount {arguments}")


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.isdir("/dev/shm"), reason="mounts a small disk")
def test_a_full_disk_loses_writes_and_is_used_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAUSE_SECONDS", 0.05)
    small = tmp_path / "small"
    small.mkdir()
    if mount(f"-t tmpfs -o size=1m penstock-test {small} 2>/dev/null") != 0:
        pytest.skip("this machine does not let tests mount a disk")
    try:
        stores = Stores("sqlite", small)

        async def work() -> None:
            opened = stores.open()
            table = opened.records("things")
            for number in range(40):
                table.put(b"%d" % number, os.urandom(50_000), FAR)
                await opened.flush()
            lost = opened.dump()["lost"]
            assert lost > 0
            for number in range(5):
                assert len(await table.get(b"%d" % number) or bytes(50_000)) == 50_000
            table.delete([b"%d" % number for number in range(40)])
            mount(f"-o remount,size=20m {small}")
            await until(lambda: opened.dump()["queued"] == 0)
            table.put(b"after", b"v", FAR)
            await opened.flush()
            await asyncio.sleep(0.06)  # the reader's pause, if it failed
            assert await table.get(b"after") == b"v"
            assert opened.dump()["reachable"]

        stores.run(work)
    finally:
        os.system(f"umount {small}")

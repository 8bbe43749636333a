"""What the port promises, asked of each store."""

from __future__ import annotations

import asyncio
import time

import pytest

from penstock.core.stored import Missed
from tests.support.stores import Stores, during, scanned

FAR = time.time() + 3600.0


def test_what_is_put_is_got_replaced_and_deleted(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table = store.records("things")
        assert await table.get(b"a") is None
        assert table.put(b"a", b"1", FAR)
        assert table.put(b"b", b"", FAR)
        assert table.put(b"\x00\xff", bytes(range(256)) * 300, FAR)
        await store.flush()
        assert await table.get(b"a") == b"1"
        assert await table.get(b"b") == b""
        assert await table.get(b"\x00\xff") == bytes(range(256)) * 300
        table.put(b"a", b"2", FAR)
        table.delete([b"b", b"never there"])
        table.delete([])
        await store.flush()
        assert await table.get(b"a") == b"2"
        assert await table.get(b"b") is None
        assert await scanned(store, "things") == {b"a": b"2", b"\x00\xff": bytes(range(256)) * 300}

    stores.run(work)


def test_tables_do_not_see_each_other(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        store.records("one").put(b"k", b"1", FAR)
        store.records("two").put(b"k", b"2", FAR)
        store.records("one_expires").put(b"k", b"3", FAR)
        await store.flush()
        assert await store.records("one").get(b"k") == b"1"
        assert await store.records("two").get(b"k") == b"2"
        store.records("one").delete([b"k"])
        await store.flush()
        assert await scanned(store, "one") == {}
        assert await scanned(store, "two") == {b"k": b"2"}
        assert await scanned(store, "one_expires") == {b"k": b"3"}
        assert await scanned(store, "never_written") == {}

    stores.run(work)


def test_a_record_is_gone_after_its_moment(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table = store.records("things")
        table.put(b"past", b"1", time.time() - 1)
        table.put(b"kept", b"2", FAR)
        table.put(b"soon", b"3", time.time() + 0.3)
        table.put(b"shortened", b"4", FAR)
        table.put(b"shortened", b"4", time.time() - 1)
        await store.flush()
        assert await table.get(b"past") is None
        assert await table.get(b"shortened") is None
        assert set(await scanned(store, "things")) <= {b"kept", b"soon"}
        async with asyncio.timeout(5):
            while await table.get(b"soon") is not None:  # noqa: ASYNC110 - the server's clock has no event
                await asyncio.sleep(0.02)
        assert await scanned(store, "things") == {b"kept": b"2"}

    stores.run(work)


def test_writes_are_done_in_their_order(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table, log = store.records("things"), store.log("told", 10_000)
        for number in range(2000):
            table.put(b"k", str(number).encode(), FAR)
            table.delete([b"k"]) if number % 3 == 0 else log.append(str(number).encode())
        await store.flush()
        assert await table.get(b"k") == b"1999"
        rows = await log.read("", 5000)
        assert [int(row) for _, row in rows] == [number for number in range(2000) if number % 3]

    stores.run(work)


def test_a_scan_of_many_gives_each_once(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table = store.records("many")
        for number in range(5000):
            assert table.put(b"%d" % number, b"v%d" % number * (3000 if number < 40 else 1), FAR)
        await store.flush()
        seen = [key async for batch in table.scan() for key, _ in batch]
        assert sorted(seen) == sorted(b"%d" % number for number in range(5000))

    stores.run(work)


def test_what_is_there_before_and_after_a_scan_is_in_it(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        table = store.records("many")
        for number in range(3000):
            table.put(b"%d" % number, b"1", FAR)
        await store.flush()
        seen: set[bytes] = set()
        async for batch in table.scan():
            seen.update(key for key, _ in batch)
            for number in range(0, 3000, 7):
                table.put(b"%d" % number, b"2", FAR)
            table.delete([b"%d" % number for number in range(1, 3000, 7)])
            await store.flush()
        assert seen >= {b"%d" % number for number in range(3000) if number % 7 != 1}

    stores.run(work)


def test_a_log_gives_its_rows_in_order(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("told", 100)
        assert await log.last() == ""
        assert await log.read("", 10) == []
        for row in (b"a", b"", b"c\x00"):
            assert log.append(row)
        await store.flush()
        rows = await log.read("", 10)
        assert [row for _, row in rows] == [b"a", b"", b"c\x00"]
        assert await log.last() == rows[-1][0]
        assert await log.read(rows[0][0], 1) == [rows[1]]
        assert await log.read(rows[-1][0], 10) == []
        assert [int(position) for position, _ in rows] == list(range(int(rows[0][0]), int(rows[0][0]) + 3))

    stores.run(work)


def test_a_log_keeps_about_its_newest_rows(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("told", 300)
        for number in range(3000):
            log.append(b"%d" % number)
        await store.flush()
        rows = await log.read("", 5000)
        assert 300 <= len(rows) <= 600
        assert [int(row) for _, row in rows] == list(range(3000 - len(rows), 3000))

    stores.run(work)


def test_who_falls_behind_a_log_is_told(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("told", 50)
        log.append(b"first")
        await store.flush()
        position = await log.last()
        for _ in range(2000):
            log.append(b"more")
        await store.flush()
        with pytest.raises(Missed):
            await log.read(position, 10)
        with pytest.raises(Missed):
            await log.read(str(int(await log.last()) + 1000), 10)
        assert await log.read(await log.last(), 10, 0.05) == []

    stores.run(work)


def test_who_waits_for_a_row_gets_it(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("told", 50)
        began = time.monotonic()
        assert await log.read("", 10, 0.1) == []
        assert time.monotonic() - began >= 0.09
        async with during(log.read("", 10, 20.0)) as first, during(log.read("", 10, 20.0)) as second:
            await asyncio.sleep(0.02)
            log.append(b"news")
            assert [row for _, row in await first] == [b"news"]
            assert [row for _, row in await second] == [b"news"]

    stores.run(work)


def test_counters_add_up_and_end(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        counters = store.counters
        assert await counters.add("a", 5) == 5
        assert await counters.add("a", -7) == -2
        assert await counters.add("b", 0, FAR) == 0
        assert await counters.add("b", 3, time.time() - 1) == 3
        assert await counters.add("short", 9, time.time() + 0.2) == 9
        async with asyncio.timeout(5):
            while await counters.add("short", 0, time.time() + 0.2) != 0:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        assert sum(await asyncio.gather(*(counters.add("many", 1) for _ in range(100)))) == 5050

    stores.run(work)


def test_a_name_is_given_once(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        assert await store.counters.once("secret", b"mine\x00") == b"mine\x00"
        assert await store.counters.once("secret", b"yours") == b"mine\x00"
        assert await store.counters.once("other", b"") == b""

    stores.run(work)


def test_too_large_is_refused_and_counted(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        assert not store.records("things").put(b"k" * 1025, b"", FAR)
        assert not store.records("things").put(b"k", bytes(64 * 2**20 + 1), FAR)
        assert not store.log("told", 5).append(bytes(64 * 2**20 + 1))
        assert store.dump()["lost"] == 3
        await store.flush()
        assert await scanned(store, "things") == {}

    stores.run(work)


def test_names_of_tables_are_checked(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        for name in ("", "A", "a-b", "a b", "1a", "a" * 41, "a;drop table about", "ä"):
            with pytest.raises(ValueError):
                store.records(name)
            with pytest.raises(ValueError):
                store.log(name, 1)
        with pytest.raises(ValueError):
            store.log("told", 0)
        with pytest.raises(ValueError):
            await store.log("told", 1).read("not a position", 1)

    stores.run(work)


def test_counts_say_what_was_done(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        assert store.dump()["operations"] == []
        store.records("things").put(b"k", b"v", FAR)
        await store.flush()
        await store.records("things").get(b"k")
        await store.records("things").get(b"x")
        dump = store.dump()
        assert dump["operations"] == [["get", "none", 1], ["get", "ok", 1], ["put", "ok", 1]]
        assert (dump["kind"], dump["reachable"], dump["lost"], dump["queued"]) == (stores.kind, True, 0, 0)

    stores.run(work)


def test_many_rows_appended_together_are_as_many_appended_one_by_one(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("things", 20)
        log.append(b"0")
        assert log.extend([b"%d" % number for number in range(1, 250)])
        assert log.extend([])
        log.append(b"250")
        await store.flush()
        assert await log.last() == "251"
        rows = await log.read("", 1000)
        assert rows[-1] == ("251", b"250")
        assert [int(place) for place, _ in rows] == list(range(252 - len(rows), 252))
        assert [int(row) for _, row in rows] == list(range(251 - len(rows), 251))
        assert 20 <= len(rows) <= 251
        assert ["append", "ok", 251] in store.dump()["operations"]

    stores.run(work)


def test_who_waits_for_a_row_is_woken_by_many(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        log = store.log("things", 20)
        async with during(log.read("", 10, 20.0)) as reading:
            await asyncio.sleep(0)
            log.extend([b"a", b"b"])
            assert [row for _, row in await reading] == [b"a", b"b"]

    stores.run(work)

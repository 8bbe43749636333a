"""Rows appended together, in each store."""

from __future__ import annotations

import asyncio

from tests.support.stores import Stores, during


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

"""What the port promises to several that share a store."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support.stores import Stores, during

FAR = time.time() + 3600.0


def test_two_stores_see_each_other(shared: Stores) -> None:
    async def work() -> None:
        one, other = shared.open(), shared.open()
        one.records("things").put(b"k", b"v", FAR)
        await one.flush()
        assert await other.records("things").get(b"k") == b"v"
        assert one.incarnation
        assert one.incarnation == other.incarnation
        one.log("told", 50).append(b"from one")
        await one.flush()
        position = await other.log("told", 50).last()
        async with during(other.log("told", 50).read(position, 10, 10.0)) as reading:
            await asyncio.sleep(0.05)
            began = time.monotonic()
            one.log("told", 50).append(b"news")
            assert [row for _, row in await reading] == [b"news"]
            assert time.monotonic() - began < 1.0
        other.records("things").delete([b"k"])
        await other.flush()
        assert await one.records("things").get(b"k") is None
        sums = await asyncio.gather(*(store.counters.add("n", 1) for store in (one, other) for _ in range(50)))
        assert sorted(sums) == list(range(1, 101))
        assert await one.counters.once("s", b"1") == await other.counters.once("s", b"2")

    shared.run(work)


def test_what_was_stored_outlives_the_store(shared: Stores) -> None:
    async def first() -> None:
        store = shared.open()
        store.records("things").put(b"k", b"v", FAR)
        store.log("told", 50).append(b"row")
        await store.counters.add("n", 4)

    async def second() -> None:
        store = shared.open()
        assert await store.records("things").get(b"k") == b"v"
        assert [row for _, row in await store.log("told", 50).read("", 5)] == [b"row"]
        assert await store.counters.add("n", 1) == 5

    shared.run(first)
    shared.run(second)


def test_a_closed_store_takes_nothing_and_raises_nothing(shared: Stores) -> None:
    async def work() -> None:
        store = shared.open()
        store.records("things").put(b"k", b"v", FAR)
        await store.aclose()
        assert not store.records("things").put(b"k", b"v", FAR)
        assert await store.records("things").get(b"k") is None
        assert await store.log("told", 5).read("", 5, 5.0) == []
        with pytest.raises(OSError):
            await store.counters.add("n", 1)

    shared.run(work)

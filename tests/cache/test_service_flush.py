"""Flushing and searching many entries: at once for who asks, in turns for everybody else."""

from __future__ import annotations

import asyncio

from penstock.cache.service import MOST_NAMES, flush, search
from penstock.cache.store import ANSWERS, ENTRIES, LOG
from tests.support.caching import WALL, answer, entry, id_of, shelf
from tests.support.shared_store import FakeStore, Shared

MANY = 2500


def test_none_is_found_from_the_first_moment_and_others_are_told_at_once() -> None:
    async def work() -> None:
        state = Shared()
        one, two = shelf(FakeStore(state), me="one"), shelf(FakeStore(state), me="two")
        for number in range(MANY):
            one.keep(entry(str(number), tags=("odd",) if number % 2 else ("even",)), answer())
        for row in state.logs[LOG]:
            two.take(row)
        flushing = asyncio.ensure_future(flush(one, {"tag": "odd"}))
        await asyncio.sleep(0)
        assert len(one.directory) > MANY // 2  # most of them are still there,
        assert all((one.find(id_of(str(number))) is None) == number % 2 for number in range(MANY - 9, MANY))  # not told
        assert not one.keep(entry("late", tags=("odd",), asked=WALL), answer())
        two.take(state.logs[LOG][-1])
        assert len(two.directory) == MANY // 2
        turns = 0
        while not flushing.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 20
        count, size, names = await flushing
        assert len(one.directory) == MANY // 2
        assert len(names) == MOST_NAMES or len(names) == count
        assert size == 100 * count
        assert set(state.tables[ENTRIES]) == set(state.tables[ANSWERS]) == set(one.directory.entries)

    asyncio.run(work())


def test_all_that_goes_is_counted_once() -> None:
    async def work() -> None:
        one = shelf()
        for number in range(100):
            one.keep(entry(str(number)), answer())
        count, _, names = await flush(one, {})
        assert (count, len(names), one.directory.evicted["flushed"]) == (100, 100, 100)
        assert await flush(one, {}) == (0, 0, [])

    asyncio.run(work())


def test_a_search_gives_the_largest_of_those_that_fit() -> None:
    async def work() -> None:
        one = shelf()
        for number in range(MANY):
            one.directory.put(entry(str(number), size=number, model="even" if number % 2 == 0 else "odd"))
        count, size, best = await search(one, {"model": "odd"}, 3, lambda found: found.size)
        assert [found.size for found in best] == [2499, 2497, 2495]
        assert count == MANY // 2
        assert size == sum(range(1, MANY, 2))
        assert (await search(one, {"model": "none"}, 3, lambda found: found.size)) == (0, 0, [])

    asyncio.run(work())

"""Questions and what was learned, kept in the store and shared by workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from penstock.cache.config import CacheConfig
from penstock.cache.semantic.store import QUESTIONS
from penstock.cache.service import Following
from penstock.cache.store import Shelf
from penstock.core.clock import FakeClock
from penstock.memory.ledger import BoundedAccount
from tests.support.caching import WALL
from tests.support.matching import Hashing, Room
from tests.support.shared_store import FakeStore, Shared

SOON = 20.0
WHERE = "where is the office of the bank in Bern"
ALIKE = WHERE + " please"


@contextlib.asynccontextmanager
async def worker(state: Shared, me: str, embedder: Hashing | None = None, **fields: Any) -> AsyncIterator[Room]:
    config = CacheConfig()
    shelf = Shelf(FakeStore(state), BoundedAccount("cache", config.memory), config, me, FakeClock(wall=WALL).wall)
    room = Room(shelf, f"host/{me}", **fields)
    if embedder is not None:
        room.embedder.version, room.embedder.dimensions = embedder.version, embedder.dimensions
    now = asyncio.get_running_loop().time
    following = asyncio.ensure_future(Following(shelf, lambda: None, lambda: None, now).run())
    upkeep = asyncio.ensure_future(room.upkeep.run())
    try:
        await until(lambda: room.memory.ready)
        yield room
    finally:
        for task in (upkeep, following):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON):
        while not fact():  # noqa: ASYNC110 - the fact has no event
            await asyncio.sleep(0.005)


def test_what_one_stored_the_other_matches() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one, worker(state, "b") as two:
            await one.put(WHERE)
            await until(lambda: len(two.memory.space) == 1)
            hit, said = await two.put(ALIKE)
            assert (hit.cache, said, two.rig.asked) == ("hit-semantic", f"answer to {WHERE}", 0)

    asyncio.run(work())


def test_what_one_lets_go_no_other_matches() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one, worker(state, "b") as two:
            await one.put(WHERE)
            await until(lambda: len(two.memory.space) == 1)
            one.shelf.flush({"model": "m"})
            await until(lambda: len(two.memory.space) == 0)
            assert (await two.put(ALIKE))[0].cache == "miss"
            assert len(state.tables[QUESTIONS]) == 1  # the one that was asked now

    asyncio.run(work())


def test_an_answer_found_wrong_at_one_is_gone_at_all() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one, worker(state, "b") as two:
            await one.put(WHERE)
            await until(lambda: len(two.memory.space) == 1)
            two.verifier.kind = "shadow"
            two.say = lambda text: "Nowhere."
            await two.put(ALIKE)
            await until(lambda: len(one.shelf.directory) == 0)
            await until(lambda: len(one.memory.space) == 0)

    asyncio.run(work())


def test_groups_found_later_reach_the_others() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one, worker(state, "b") as two:
            one.say = lambda text: "In Bern."
            await one.put(WHERE)
            one.verifier.floor = 2.0
            one.shelf.tier.clear()  # so that the first answer has to be read before the two can be compared
            await one.put(ALIKE)
            await until(lambda: len(two.memory.space) == 2)
            await until(lambda: len({entry.group for entry in two.shelf.directory}) == 1)

    asyncio.run(work())


def test_a_restart_keeps_questions_and_what_was_learned() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one:
            await one.put(WHERE)
            one.verifier.stopped = "too many wrong"
        async with worker(state, "c") as again:
            assert len(again.memory.space) == 1
            assert again.verifier.loaded == {"requests": 1}
            hit, _ = await again.put(ALIKE)
            assert hit.cache == "hit-semantic"

    asyncio.run(work())


def test_nothing_is_matched_before_the_store_was_read() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one:
            one.memory.read = False
            await one.put(WHERE)
            assert one.memory.tally.lookups == {("ineligible", "starting"): 1}
            one.memory.wake()
            await until(lambda: one.memory.read)

    asyncio.run(work())


def test_a_store_that_begins_anew_is_read_anew() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one:
            await one.put(WHERE)
            state.lose()
            await until(lambda: len(one.memory.space) == 0 and one.memory.ready)
            assert (await one.put(ALIKE))[0].cache == "miss"

    asyncio.run(work())


def test_a_partition_that_made_room_is_read_again_on_need() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a", partitions=1) as one:
            await one.put(WHERE)
            await one.put(WHERE, max_tokens=5)
            assert (len(one.memory.space), one.memory.space.count) == (1, 1)
            assert (await one.put(ALIKE))[0].cache == "miss"
            assert one.memory.tally.lookups["miss", "loading"] == 1
            await until(lambda: one.memory.space.unread(b"") == [] and not one.memory.unread)
            assert (await one.put(ALIKE + " do"))[0].cache == "hit-semantic"

    asyncio.run(work())


def test_questions_of_another_embedder_or_damaged_are_passed_over() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one:
            await one.put(WHERE)
            await one.put("how long does a transfer take")
        id = next(iter(state.tables[QUESTIONS]))
        data, expires = state.tables[QUESTIONS][id]
        state.tables[QUESTIONS][id] = (data[:-1] + bytes([data[-1] ^ 1]), expires)
        async with worker(state, "b") as two:
            assert len(two.memory.space) == 1
        async with worker(state, "c", Hashing("hashing-2", 32)) as three:
            assert len(three.memory.space) == 0
            await three.put(ALIKE)
            assert len(three.memory.space) == 1

    asyncio.run(work())


def test_more_than_there_is_room_for_is_read_on_need() -> None:
    async def work() -> None:
        state = Shared()
        async with worker(state, "a") as one:
            for number in range(8):
                await one.put(WHERE, max_tokens=number + 1)
        async with worker(state, "b", entries=5) as two:
            assert len(two.memory.space) <= 5
            for number in range(8):
                await two.put(ALIKE, max_tokens=number + 1)
                await until(lambda: not two.memory.unread)
            assert two.memory.tally.lookups["miss", "loading"] >= 3

    asyncio.run(work())


def test_the_loop_ends_when_its_memory_is_let_go() -> None:
    async def work() -> None:
        async with worker(Shared(), "a") as one:
            one.memory.close()
            assert one.embedder.closed
            async with asyncio.timeout(SOON):
                await one.upkeep.run()
            assert repr(one.upkeep).startswith("<Upkeep")

    asyncio.run(work())

import asyncio

import pytest

from penstock.store.asked import Add, Append, Mark, Put, Write
from penstock.store.counts import LOST, OPERATIONS, RESULTS, Counts, settle


def test_lost_are_the_writes_that_never_arrived() -> None:
    counts = Counts()
    assert counts.lost == 0
    counts.note("put", "ok", 5)
    counts.note("put", "full")
    counts.note("append", "lost", 3)
    counts.note("put", "large")
    counts.note("get", "away", 9)
    assert counts.lost == 5
    assert ["put", "ok", 5] in counts.rows()
    assert counts.rows() == sorted(counts.rows())


def test_the_results_are_a_closed_set() -> None:
    assert set(LOST) < set(RESULTS)
    assert len(set(OPERATIONS)) == len(OPERATIONS)


def test_a_batch_that_was_lost_is_counted_and_its_askers_are_told() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        counts = Counts()
        add, mark, gone = (loop.create_future() for _ in range(3))
        gone.cancel()
        batch: list[Write] = [Put("t", b"", b"", 1.0), Add("n", 1, None, add), Add("n", 1, None, gone), Mark(mark)]
        settle(counts, batch, OSError("disk full"))
        with pytest.raises(OSError, match="disk full"):
            await add
        assert await mark is False
        assert counts.rows() == [["add", "lost", 2], ["put", "lost", 1]]

    asyncio.run(main())


def test_a_batch_that_was_stored_answers_its_askers() -> None:
    async def main() -> None:
        counts = Counts()
        add = asyncio.get_running_loop().create_future()
        settle(counts, [Append("l", b"", 1), Add("n", 1, None, add)], [None, 42])
        assert await add == 42
        assert counts.rows() == [["add", "ok", 1], ["append", "ok", 1]]

    asyncio.run(main())

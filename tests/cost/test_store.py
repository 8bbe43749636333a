from pathlib import Path

import pytest

from penstock.core.finished import record
from penstock.cost.hours import HOUR, Hour
from penstock.cost.spend import Tally
from penstock.cost.store import DAY, FOLDED_AFTER, HOURS_KEPT, TABLE, Book
from tests.support.exchanges import finished
from tests.support.stores import Stores, scanned

START = 20_000 * DAY
KEEP = 400.0 * DAY


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    made = Stores(request.param, tmp_path)
    made.wall = lambda: START + 100.0
    return made


def spent(tally: Tally, at: float, cost: int = 1, key: str = "k") -> None:
    tally.take([record(finished(cost=cost, key=key), at)])


def write(book: Book, *tallies: Tally) -> None:
    assert all(book.write(bucket) for tally in tallies for bucket in tally.changed())


def total(hours: list[Hour]) -> int:
    return sum(entry.sums.cost for hour in hours for entry in hour.entries)


def test_what_workers_count_comes_together_and_a_record_is_written_again(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        book = Book(store, stores.wall, KEEP)
        first, second = Tally("a", 10), Tally("b", 10)
        spent(first, START + 5.0, 10)
        spent(second, START + 6.0, 20)
        write(book, first, second)
        spent(first, START + 7.0, 1)
        write(book, first)
        await store.flush()
        assert total(await book.read(START)) == 31
        assert total(await book.read(START + HOUR)) == 0
        assert total(await book.read(0.0, START)) == 0
        assert len(await scanned(store, TABLE)) == 2

    stores.run(work)


def test_bytes_that_are_no_record_are_passed_over_and_counted(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        book = Book(store, stores.wall, KEEP)
        records = store.records(TABLE)
        for key, value in ((f"h{START:011d}.x", b"\xc1"), ("strange", b""), ("hxxxxxxxxxxx", b"")):
            records.put(key.encode(), value, START + KEEP)
        await store.flush()
        assert await book.read(0.0) == []
        assert book.unread == 1

    stores.run(work)


def test_a_day_that_is_long_over_becomes_one_record_an_hour_and_later_one(stores: Stores) -> None:
    now = [float(START)]

    async def work() -> None:
        stores.wall = lambda: now[0]
        store = stores.open()
        book = Book(store, lambda: now[0], KEEP)
        for worker in range(6):
            tally = Tally(f"w{worker}", 10)
            for hour in range(24):
                spent(tally, START + hour * HOUR, 1 + worker)
            write(book, tally)
        await store.flush()
        assert await book.fold() == 0
        now[0] = START + DAY + FOLDED_AFTER
        assert await book.fold() == 1
        await store.flush()
        assert len(await scanned(store, TABLE)) == 24
        assert total(await book.read(START)) == 24 * 21
        assert total(await book.read(START + 23 * HOUR)) == 21
        assert await book.fold() == 0
        now[0] = START + DAY + HOURS_KEPT
        assert await book.fold() == 1
        await store.flush()
        (hour,) = await book.read(START)
        assert (hour.seconds, total([hour]), len(await scanned(store, TABLE))) == (DAY, 24 * 21, 1)

    stores.run(work)


def test_what_was_folded_and_not_removed_does_not_count_twice(stores: Stores) -> None:
    now = [float(START)]

    async def work() -> None:
        stores.wall = lambda: now[0]
        store = stores.open()
        book = Book(store, lambda: now[0], KEEP)
        for worker in ("a", "b"):
            tally = Tally(worker, 10)
            spent(tally, START + 1.0, 5)
            write(book, tally)
        await store.flush()
        before = await scanned(store, TABLE)
        for later in (START + DAY + FOLDED_AFTER, START + DAY + HOURS_KEPT):
            now[0] = later
            assert await book.fold() == 1
            await store.flush()
            for key, value in before.items():  # as if their removal had been lost
                store.records(TABLE).put(key, value, START + KEEP)
            await store.flush()
            assert total(await book.read(START)) == 10

    stores.run(work)


def test_only_one_of_many_folds_a_day(stores: Stores) -> None:
    async def work() -> None:
        store = stores.open()
        late = START + DAY + FOLDED_AFTER
        books = [Book(store, lambda: late, KEEP) for _ in range(3)]
        for worker in ("a", "b"):
            tally = Tally(worker, 10)
            spent(tally, START + 1.0)
            write(books[0], tally)
        await store.flush()
        assert [await book._claim(START, False) for book in books] == [True, False, False]
        assert await books[0].fold() == 0, "somebody else is at it"
        assert total(await books[0].read(START)) == 2

    stores.run(work)

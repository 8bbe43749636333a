from collections.abc import Awaitable, Callable
from pathlib import Path

from penstock.core.clock import FakeClock
from penstock.store.memory import store as memory
from tests.support.stores import Stores, scanned

FAR = 2_000_000_000.0


def run(tmp_path: Path, work: Callable[[Stores], Awaitable[None]]) -> None:
    stores = Stores("memory", tmp_path)
    stores.run(lambda: work(stores))


def test_what_was_written_first_goes_when_it_is_full(tmp_path: Path) -> None:
    async def work(stores: Stores) -> None:
        store = stores.open(most_bytes=100_000)
        table = store.records("things")
        for number in range(1000):
            assert table.put(b"%04d" % number, bytes(1000), FAR)
        kept = await scanned(store, "things")
        assert 70 < len(kept) <= 100
        assert min(kept) == b"%04d" % (1000 - len(kept))
        assert not table.put(b"huge", bytes(100_001), FAR)
        assert store.dump()["lost"] == 1
        assert len(await scanned(store, "things")) == len(kept)

    run(tmp_path, work)


def test_logs_count_too(tmp_path: Path) -> None:
    async def work(stores: Stores) -> None:
        store = stores.open(most_bytes=100_000)
        for _ in range(1000):
            store.log("told", 10_000).append(bytes(1000))
        assert 70 < len(await store.log("told", 10_000).read("", 10_000)) <= 100

    run(tmp_path, work)


def test_room_comes_back_with_what_is_deleted_and_replaced(tmp_path: Path) -> None:
    async def work(stores: Stores) -> None:
        store = stores.open(most_bytes=10_000)
        table = store.records("things")
        table.put(b"kept", b"1", FAR)
        for number in range(100):
            table.put(b"again", bytes(5000), FAR)
            table.put(b"%d" % number, bytes(1000), FAR)
            table.delete([b"%d" % number])
        assert await table.get(b"kept") == b"1"

    run(tmp_path, work)


def test_expired_records_are_gone(tmp_path: Path) -> None:
    async def work(stores: Stores) -> None:
        clock = FakeClock()
        stores.wall = clock.wall
        table = stores.open().records("things")
        table.put(b"k", b"v", clock.wall() + 10)
        clock.advance(9.9)
        assert await table.get(b"k") == b"v"
        clock.advance(0.1)
        assert await table.get(b"k") is None

    run(tmp_path, work)


def test_names_are_bounded(tmp_path: Path) -> None:
    async def work(stores: Stores) -> None:
        counters = stores.open().counters
        await counters.add("first", 1)
        for number in range(memory.MOST_NAMES):
            await counters.add(str(number), 1)
        assert await counters.add("first", 1) == 1

    run(tmp_path, work)

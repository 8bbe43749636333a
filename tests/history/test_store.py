import asyncio
from typing import Any

import msgspec
import pytest

from penstock.core.clock import FakeClock
from penstock.history.former import columns_of
from penstock.history.packing import COLUMNS, HEAD
from penstock.history.store import HOSTS, TABLE, Shelf
from penstock.history.tiers import HOUR, MINUTE, TEN, Tier
from penstock.store.memory.store import MemoryDesk
from penstock.store.store import DeskStore
from tests.support.formerly import KEPT

START = 1_800_000_000.0
KEEP = {"ten_seconds": 3600.0, "minute": 86_400.0, "hour": 30 * 86_400.0}


class Place:
    """A store in memory, at a time of its own."""

    def __init__(self) -> None:
        self.clock = FakeClock(wall=START)
        self.desk = MemoryDesk(self.clock.wall, self.clock.now)
        self.store = DeskStore("memory", lambda: self.desk, shared=True)

    def shelf(self, host: str = "a") -> Shelf:
        return Shelf(self.store, host, KEEP, self.clock.wall)


def window(text: bytes) -> dict[str, bytes]:
    """One that is packed: what its columns are is all the same here."""
    return dict.fromkeys(COLUMNS, text)


async def read(shelf: Shelf, tier: Tier, since: float, until: float) -> list[tuple[int, bytes]]:
    """The windows, each by its head."""
    return [(host, columns[HEAD]) async for host, columns in shelf.read(tier, since, until, (HEAD,))]


async def written(shelf: Shelf, clock: FakeClock, *numbers: int) -> None:
    for number in numbers:
        clock.advance(max(0.0, START + 10 * number + 10 - clock.wall()))
        await shelf.put(TEN, START + 10 * number, window(b"%d" % number))
        shelf.mark(START + 10 * number)


def test_what_was_written_is_read_in_order() -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        await written(shelf, place.clock, *range(30))
        found = await read(shelf, TEN, START + 50, START + 250)
        assert found == [(0, b"%d" % number) for number in range(5, 25)]
        assert len(place.desk._tables[TABLE]) == 3 * len(COLUMNS), "blocks of two minutes"
        assert await read(place.shelf(), TEN, START + 50, START + 250) == found, "after a restart, too"

    asyncio.run(main())


def test_a_block_is_gone_on_with_after_a_restart() -> None:
    async def main() -> None:
        place = Place()
        await written(place.shelf(), place.clock, 0, 1)
        again = place.shelf()
        assert await again.last() == START + 10
        await written(again, place.clock, 2)
        assert [text for _, text in await read(again, TEN, START, START + 60)] == [b"0", b"1", b"2"]
        assert (await again.hosts())[0][1].first == START

    asyncio.run(main())


def test_a_window_that_is_written_again_replaces_the_first() -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        await shelf.put(MINUTE, START, window(b"old"))
        await shelf.put(MINUTE, START, window(b"new"))
        shelf.mark(START)
        assert await read(shelf, MINUTE, START, START + 60) == [(0, b"new")]

    asyncio.run(main())


@pytest.mark.parametrize("tier", [TEN, MINUTE, HOUR])
def test_each_tier_is_kept_as_long_as_it_says(tier: Tier) -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        await shelf.put(tier, START, window(b"one"))
        shelf.mark(START)
        place.clock.advance(KEEP[tier.name])
        assert await read(place.shelf(), tier, START, START + 10) == [(0, b"one")]
        place.clock.advance(tier.block + 1)
        assert await read(place.shelf(), tier, START, START + 10) == []

    asyncio.run(main())


def test_hosts_write_beside_each_other() -> None:
    async def main() -> None:
        place = Place()
        one, other = place.shelf("a"), place.shelf("b")
        await written(one, place.clock, 0, 1)
        await written(other, place.clock, 1, 2)
        assert sorted(await read(one, TEN, START, START + 60)) == [(0, b"0"), (0, b"1"), (1, b"1"), (1, b"2")]
        assert sorted(await read(other, TEN, START, START + 60)) == [(0, b"1"), (0, b"2"), (1, b"0"), (1, b"1")]
        assert await place.shelf("c").last() is None

    asyncio.run(main())


def test_what_another_version_wrote_is_passed_over() -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        await written(shelf, place.clock, 0)
        far = place.clock.wall() + 1000
        place.store.records(TABLE).put(f"b|minute|{int(START)}|head".encode(), b"nonsense", far)
        place.store.records(HOSTS).put(b"b", b"nonsense", far)
        assert [host for host, _ in await shelf.hosts()] == ["a"]
        for name in (f"a|minute|{int(START)}|head", f"a|minute|{int(START)}"):
            place.store.records(TABLE).put(name.encode(), b"nonsense", far)
            assert await read(place.shelf(), MINUTE, START, START + 60) == []

    asyncio.run(main())


def test_only_the_columns_that_are_asked_for_are_read() -> None:
    async def main() -> None:
        place = Place()
        await written(place.shelf(), place.clock, 0)
        asked: list[bytes] = []
        ask = place.desk.ask

        async def noted(question: Any) -> Any:
            asked.append(getattr(question, "key", b""))
            return await ask(question)

        place.desk.ask = noted  # type: ignore[method-assign]
        found = [columns async for _, columns in place.shelf().read(TEN, START, START + 10, (HEAD, "key"))]
        assert found == [{HEAD: b"0", "key": b"0"}]
        assert [key.rpartition(b"|")[2] for key in asked if key] == [b"head", b"key"]

    asyncio.run(main())


def test_a_window_is_there_with_its_head() -> None:
    """The columns are written one after the other, the head last: what is cut off before it never was."""

    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        await shelf.put(TEN, START, dict.fromkeys(COLUMNS, b"0"))
        assert list(place.desk._tables[TABLE])[-1].endswith(b"|head")
        await shelf.put(TEN, START + 10, {name: b"1" for name in COLUMNS if name != HEAD})
        shelf.mark(START + 10)
        assert await read(place.shelf(), TEN, START, START + 60) == [(0, b"0")]

    asyncio.run(main())


def test_what_was_written_in_the_former_way_is_read_and_gone_on_with() -> None:
    async def main() -> None:
        place = Place()
        key, block = f"a|ten_seconds|{int(START)}".encode(), {int(START): KEPT, int(START) + 10: b"nonsense"}
        place.store.records(TABLE).put(key, msgspec.msgpack.encode(block), place.clock.wall() + 1000)
        place.clock.advance(30)
        shelf = place.shelf()
        shelf.mark(START)
        wanted = (HEAD, "key")
        former, unread = [columns async for _, columns in place.shelf().read(TEN, START, START + 60, wanted)]
        assert (former, unread) == (columns_of(KEPT, wanted), {HEAD: b"nonsense"})
        await shelf.put(TEN, START + 20, window(b"2"))
        found = [columns async for _, columns in place.shelf().read(TEN, START, START + 60, wanted)]
        assert found == [former, unread, {HEAD: b"2", "key": b"2"}], "of the same block, written anew"

    asyncio.run(main())


def test_what_the_store_does_not_take_is_counted() -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        place.desk._most = 10
        await shelf.put(TEN, START, window(b"one"))
        assert (shelf.lost, repr(shelf)) == (1, "<Shelf of a, 1 lost>")

    asyncio.run(main())


def test_a_store_that_is_away() -> None:
    async def main() -> None:
        place = Place()
        shelf = place.shelf()
        assert await shelf.reached()

        async def fails(question: Any) -> Any:
            raise OSError("away")

        place.desk.ask = fails  # type: ignore[method-assign]
        assert await shelf.last() is None
        assert await read(shelf, TEN, START, START + 60) == []

    asyncio.run(main())

import asyncio
import time
from typing import Any

import pytest

from penstock.store.asked import Append, Put, Question, Write
from penstock.store.counts import Counts
from penstock.store.store import DeskStore, Waiters, within


class Shut:
    """A desk that has no room and is away."""

    incarnation = "x"

    def __init__(self) -> None:
        self.counts = Counts()

    def offer(self, write: Write) -> bool:
        return False

    async def ask(self, question: Question) -> Any:
        raise OSError("away")

    def numbers(self) -> dict[str, Any]:
        return {"reachable": False, "trouble": "away", "queued": 7, "queued_bytes": 700}

    async def aclose(self) -> None: ...


def test_nothing_is_made_before_somebody_asks() -> None:
    made: list[Shut] = []

    def make() -> Shut:
        made.append(Shut())
        return made[0]

    async def main() -> None:
        store = DeskStore("sqlite", make, shared=True)
        await store.flush()
        assert store.incarnation == ""
        assert store.dump() == {
            "kind": "sqlite", "reachable": True, "trouble": "", "queued": 0, "queued_bytes": 0, "lost": 0,
            "operations": [],
        }  # fmt: skip
        assert "not used yet" in repr(store)
        await store.aclose()
        assert not made
        assert store.records("a") is store.records("a")
        assert store.log("a", 1) is store.log("a", 5)
        assert store.incarnation == "x"
        assert len(made) == 1

    asyncio.run(main())


def test_a_store_that_is_away_answers_nothing_and_raises_only_where_it_says_so() -> None:
    async def main() -> None:
        store = DeskStore("sqlite", Shut, shared=True)
        table, log = store.records("a"), store.log("a", 1)
        assert await table.get(b"k") is None
        assert [batch async for batch in table.scan()] == []
        assert await log.read("", 5) == []
        assert await log.last() == ""
        assert not table.put(b"k", b"v", 1.0)
        assert not table.delete([b"k"])
        assert not log.append(b"row")
        with pytest.raises(OSError, match="full"):
            await store.counters.add("n", 1)
        with pytest.raises(OSError, match="full"):
            await store.counters.once("n", b"")
        dump = store.dump()
        assert dump["lost"] == 5
        assert dump["trouble"] == "away"
        assert ["get", "away", 1] in dump["operations"]
        assert ["scan", "away", 1] in dump["operations"]

    asyncio.run(main())


def test_waiters_are_woken_by_their_log_alone() -> None:
    async def main() -> None:
        waiters = Waiters()
        mine, other = waiters.enter("mine"), waiters.enter("other")
        waiters.wake_for([Append("mine", b"", 1), Put("t", b"", b"", 1.0)])
        assert mine.done()
        assert not other.done()
        waiters.wake("mine")
        waiters.leave("mine", mine)
        waiters.leave("mine", mine)
        waiters.leave("other", other)
        assert repr(waiters) == "<Waiters of []>"

    asyncio.run(main())


def test_within_says_whether_it_was_done_in_time() -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        assert not await within(future, 0.05)
        assert 0.04 < time.monotonic() - began < 2.0
        assert not future.done()
        future.set_result(None)
        assert await within(future, 5.0)

    asyncio.run(main())

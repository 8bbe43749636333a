import asyncio
from typing import Any

import pytest

from penstock.store import store as store_module
from penstock.store.asked import Question, Write
from penstock.store.counts import Counts
from penstock.store.store import DeskStore


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


class Mute(Shut):
    """A desk that takes all and says nothing."""

    def offer(self, write: Write) -> bool:
        return True


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "ANSWER_SECONDS", 0.05)

    async def main() -> None:
        counters = DeskStore("sqlite", Mute, shared=True).counters
        with pytest.raises(OSError, match="did not answer in time"):
            await counters.add("n", 1)
        with pytest.raises(OSError, match="did not answer in time"):
            await counters.once("n", b"v")

    asyncio.run(main())

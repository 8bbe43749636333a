"""Calls of a pool without a replica, in a room whose time stands still."""

import asyncio

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.holding import Bounds, Holding, Starting
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target
from tests.support.targets import exchange, target


def entry(*those: Target, fallbacks: tuple[str, ...] = (), name: str = "m") -> Entry:
    return Entry(name, those, make_strategy("round_robin"), fallbacks=fallbacks)


class Scene:
    def __init__(self, *, calls: int = 2, seconds: float = 60.0, fallback: Target | None = None) -> None:
        self.woken: list[str] = []
        self.now = 100.0
        self.entry = entry(fallbacks=("f",) if fallback else ())
        self.newest = self.entry
        self.holding = Holding(self.woken.append, lambda: self.now, asyncio.get_running_loop())
        self.holding.bounds = {"m": Bounds("gpu", calls, seconds)}
        entries = [self.entry, *([entry(fallback, name="f")] if fallback else [])]
        self.room = Routing(
            Table(entries), [], holding=self.holding, newest=lambda _, one: self.newest if one.pattern == "m" else one,
            now=lambda: self.now,
        )  # fmt: skip

    def call(self) -> tuple[Exchange, asyncio.Future[Reply]]:
        one = exchange()
        one.started, one.deadline = self.now, self.now + 600.0

        async def ask() -> Reply:
            return await self.room(one, None)  # type: ignore[arg-type]

        return one, asyncio.ensure_future(ask())

    def opens(self, *those: Target) -> None:
        self.newest = entry(*those)
        self.holding.look(lambda one: bool(self.newest.targets))


def test_a_call_wakes_the_pool_and_is_served_by_its_first_replica() -> None:
    async def main() -> None:
        scene = Scene()
        one, reply = scene.call()
        await asyncio.sleep(0)
        assert (scene.woken, scene.holding.waiting("gpu"), scene.holding.waiting("other")) == (["gpu"], 1, 0)
        scene.opens()  # another configuration, and still nobody
        await asyncio.sleep(0)
        assert not reply.done()
        scene.now += 7.0
        scene.opens(target("gpu@h:1"))
        assert (await reply).body == b"gpu@h:1"
        assert (one.waits, one.queued, one.upstream) == ({"start": 7.0}, 7.0, "gpu@h:1")
        assert scene.holding.waiting("gpu") == 0

    run(main())


def test_one_too_many_is_told_when_the_next_is_due() -> None:
    async def main() -> None:
        scene = Scene(calls=1)
        scene.holding.starting["gpu"] = Starting(scene.now + 33.4, "it ended with status 1")
        _, first = scene.call()
        await asyncio.sleep(0)
        _, second = scene.call()
        with pytest.raises(UpstreamError, match="1 calls wait for it already; it ended with status 1") as raised:
            await second
        assert (raised.value.status, raised.value.code, raised.value.retry_after) == (503, "pool_starting", 34)
        scene.opens(target("a"))
        assert (await first).status == 200

    run(main())


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        scene = Scene(seconds=0.02)
        _, reply = scene.call()
        with pytest.raises(UpstreamError, match="it took too long") as raised:
            await reply
        assert raised.value.retry_after == 10  # nothing is known of it
        assert repr(scene.holding) == "<Holding 0 calls>"

    run(main())


def test_who_leaves_gives_the_place_up() -> None:
    async def main() -> None:
        scene = Scene(calls=1)
        _, reply = scene.call()
        await asyncio.sleep(0)
        reply.cancel()
        await asyncio.wait({reply})
        assert scene.holding.waiting("gpu") == 0

    run(main())


def test_a_fallback_serves_at_once_and_the_pool_is_woken_all_the_same() -> None:
    async def main() -> None:
        scene = Scene(fallback=target("other"))
        _, reply = scene.call()
        assert (await reply).body == b"other"
        assert scene.woken == ["gpu"]

    run(main())


def test_a_replica_that_is_gone_again_by_then_is_told() -> None:
    async def main() -> None:
        scene = Scene()
        _, reply = scene.call()
        await asyncio.sleep(0)
        scene.holding.look(lambda _: True)
        with pytest.raises(UpstreamError) as raised:
            await reply
        assert raised.value.code == "no_instance"

    run(main())


def test_a_model_whose_pool_keeps_a_replica_waits_for_nobody() -> None:
    async def main() -> None:
        scene = Scene()
        scene.holding.bounds = {}
        _, reply = scene.call()
        with pytest.raises(UpstreamError, match="has been found yet"):
            await reply
        assert scene.woken == []

    run(main())


def test_a_model_that_a_reload_took_away_is_nobodys_pool() -> None:
    async def main() -> None:
        scene = Scene()
        _, reply = scene.call()
        await asyncio.sleep(0)
        scene.holding.bounds = {}
        assert scene.holding.waiting("gpu") == 0
        scene.opens(target("a"))
        assert (await reply).status == 200

    run(main())

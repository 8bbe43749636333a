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
        with pytest.raises(UpstreamError, match="1 calls wait for it already; there is trouble") as raised:
            await second
        assert "status 1" not in raised.value.message, "that names what only operators may know"
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


def test_where_none_may_be_started_nobody_waits_and_those_who_do_are_told() -> None:
    async def main() -> None:
        scene = Scene()
        _, first = scene.call()
        await asyncio.sleep(0)
        scene.holding.known("other", Starting(barred=True))
        assert scene.holding.waiting("gpu") == 1
        scene.holding.known("gpu", Starting(barred=True))
        _, second = scene.call()
        for reply in (first, second):
            with pytest.raises(UpstreamError, match="none may be started now") as raised:
                await reply
            assert (raised.value.status, raised.value.code) == (503, "pool_barred")
        assert scene.woken == ["gpu", "gpu"], "it is asked whether that is still so"

    run(main())


def test_bodies_of_those_who_wait_leave_room_for_others() -> None:
    async def main() -> None:
        scene = Scene(calls=100)
        scene.holding.most_bytes = 100

        def sized(size: int) -> asyncio.Future[Reply]:
            one, reply = scene.call()
            one.held = size
            return reply

        first = sized(90)  # one alone may always wait, however large
        await asyncio.sleep(0)
        small, large = sized(10), sized(11)
        with pytest.raises(UpstreamError, match="hold 100 bytes already") as raised:
            await large
        assert raised.value.code == "pool_starting"
        assert scene.holding.waiting("gpu") == 2
        scene.opens(target("a"))
        assert [(await one).status for one in (first, small)] == [200, 200]
        scene.newest = scene.entry
        assert scene.holding._bytes == 0
        alone = sized(500)
        await asyncio.sleep(0)
        assert scene.holding.waiting("gpu") == 1
        scene.opens(target("a"))
        await alone

    run(main())


def test_one_key_does_not_keep_the_others_out() -> None:
    async def main() -> None:
        scene = Scene(calls=4)

        def of(key: str) -> asyncio.Future[Reply]:
            one, reply = scene.call()
            one.scope = key
            return reply

        flood = [of("a") for _ in range(4)]
        await asyncio.sleep(0)
        first, second = of("b"), of("b")
        for one in (flood[3], flood[2]):  # the newest
            with pytest.raises(UpstreamError, match="others wait, too"):
                await one
        for key in ("a", "b"):  # they have as many each: nobody gives way any more
            with pytest.raises(UpstreamError, match="4 calls wait for it already"):
                await of(key)
        third = of("c")
        with pytest.raises(UpstreamError, match="others wait, too"):
            await flood[1]
        assert scene.holding.waiting("gpu") == 4
        scene.opens(target("g"))
        assert [(await one).status for one in (flood[0], first, second, third)] == [200] * 4

    run(main())

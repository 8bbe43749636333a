"""Pools with an actuator and a routing that are played; with real ones in test_assemble_pools.py."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from penstock.core.tasks import Crew
from penstock.scaling.actuators.local_config import LocalConfig
from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.pools import service
from penstock.scaling.pools.service import Pools
from penstock.scaling.replica import Replica, Standing
from tests.support.pools import Played, PlayedRouting


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ROUND_SECONDS", 0.005)


def section(**more: Any) -> ScalingConfig:
    given = {"min": 1, "max": 4, "drain": 0.0, "local": LocalConfig(command=["x", "{port}"])} | more
    return ScalingConfig(pools={"p": PoolConfig(**given)})


class World:
    def __init__(self) -> None:
        self.crew = Crew("test")
        self.routing = PlayedRouting()
        self.actuators: list[Played] = []
        self.moves = True
        self.now = 1000.0
        self.pools = Pools(self.crew, self.make, self.routing, lambda: self.now)

    def make(self, name: str, config: PoolConfig, changed: Callable[[], None]) -> Played:
        self.actuators.append(Played(self.moves))
        return self.actuators[-1]

    async def want(self, count: int) -> dict[str, Any]:
        answer = await self.pools.ask({"do": "want", "wants": {"p": {"count": count, "why": "a test"}, "none": {}}})
        return answer["pools"]["p"]

    async def row(self) -> dict[str, Any]:
        return (await self.pools.ask({"do": "standing"}))["pools"]["p"]


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def played(test: Callable[[World], Any]) -> None:
    async def main() -> None:
        world = World()
        try:
            await test(world)
        finally:
            await world.pools.aclose()
            await world.crew.aclose()
        assert all(one.closed for one in world.actuators)

    asyncio.run(main())


def test_it_starts_what_is_wanted_and_tells_routing() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        row = await world.want(3)
        assert (row["wanted"], row["why"]) == (3, "a test")
        await until(lambda: len(world.routing.serves["p"]) == 3)
        assert (await world.row())["starts"] == 2.0
        assert (await world.want(99))["wanted"] == 4

    played(main)


def test_one_that_goes_is_drained_moved_taken_out_and_only_then_ended() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(min=0))
        await world.want(2)
        await until(lambda: len(world.routing.serves.get("p", [])) == 2)
        world.routing.calls = {"h:1": 5, "h:2": 1}
        actuator = world.actuators[0]
        await world.want(1)
        await until(lambda: "r2" not in actuator.replicas)
        await until(lambda: world.routing.serves["p"] == ["h:1"])
        assert world.routing.moved == ["h:2"]
        assert actuator.told[-2:] == [("r2", True), (1, "r2")]

    played(main)


def test_one_that_drains_is_taken_back_when_more_are_wanted() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(min=1, drain=60.0))
        await world.want(2)
        await until(lambda: len(world.routing.serves.get("p", [])) == 2)
        world.routing.calls = {"h:1": 5, "h:2": 1}
        await world.want(1)
        await until(lambda: world.routing.drained == {"h:2"})
        assert (await world.row())["standing"]["replicas"][1]["state"] == "draining"
        await world.want(2)
        await until(lambda: not world.routing.drained)
        assert world.actuators[0].told[-2:] == [("r2", True), ("r2", False)]
        assert len(world.actuators[0].replicas) == 2

    played(main)


def test_a_dry_run_moves_nothing_and_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(dry_run=True))
        with caplog.at_level(logging.INFO):
            await world.want(3)
            for _ in range(200):
                await asyncio.sleep(0.001)
        assert world.actuators[0].told == []
        assert world.routing.serves == {}
        assert (await world.row())["would"] == "have 3"

    played(main)
    assert [record.message for record in caplog.records].count("pool p would have 3 (it is a dry run): a test") == 1


def test_what_only_publishes_is_told_and_no_more() -> None:
    async def main(world: World) -> None:
        world.moves = False
        world.pools.follow(section(signal=SignalConfig(), local=None))
        await world.want(3)
        await until(lambda: world.actuators[0].told[-1:] == [(3,)])
        assert world.routing.serves == {}

    played(main)


def test_a_call_wakes_a_pool_that_sleeps_and_it_sleeps_again() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(min=0))
        await until(lambda: world.routing.serves.get("p") == [])
        answer = await world.pools.ask({"do": "wake", "pools": {"p": 10.0, "other": 1.0}})
        assert answer["pools"]["p"]["wanted"] == 1
        await until(lambda: world.routing.serves["p"] == ["h:1"])
        await world.want(0)  # whoever decides has not seen the call yet
        assert (await world.row())["wanted"] == 1
        world.now += 100.0
        await until(lambda: not world.actuators[0].replicas)
        assert world.routing.serves["p"] == []

    played(main)


def test_trouble_is_told_once_and_what_stands_stays(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        world.actuators[0].trouble = "the cloud is away"
        await world.want(2)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert (await world.row())["trouble"] == "the cloud is away"
        assert world.routing.serves["p"] == ["h:1"]
        world.actuators[0].trouble = ""
        await until(lambda: len(world.routing.serves["p"]) == 2)
        assert (await world.row())["trouble"] == ""

    played(main)
    assert len([one for one in caplog.records if "the cloud is away" in one.message]) == 1


def test_a_defect_of_an_actuator_does_not_end_the_keeping_of_its_pool(caplog: pytest.LogCaptureFixture) -> None:
    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        world.actuators[0].want = None  # type: ignore[assignment, method-assign]
        await world.want(2)
        await until(lambda: caplog.records)
        del world.actuators[0].want
        await until(lambda: len(world.routing.serves["p"]) == 2)

    played(main)


def test_a_reload_that_takes_a_pool_away_lets_its_calls_end_first() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(drain=60.0))
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        world.routing.calls = {"h:1": 1}
        world.pools.follow(ScalingConfig())
        assert (await world.pools.ask({"do": "standing"})) == {"pools": {}}
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert not world.actuators[0].closed
        world.routing.calls = {}
        await until(lambda: world.actuators[0].closed)

    played(main)


def test_another_command_takes_over_before_what_stood_ends() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        before = len(world.routing.history)
        world.pools.follow(section(local=LocalConfig(command=["y", "{port}"])))
        await until(lambda: world.actuators[0].closed)
        assert world.actuators[1].replicas
        assert [] not in world.routing.history[before:]

    played(main)


def test_a_command_that_never_gets_ready_does_not_end_what_stood_and_one_that_does_takes_over() -> None:
    async def failing() -> Standing:
        return Standing(1, [Replica("r9", state="failed", trouble="it ended with status 1")])

    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        world.pools.follow(section(local=LocalConfig(command=["bad", "{port}"])))
        world.actuators[1].current = failing  # type: ignore[method-assign]
        for _ in range(50):
            world.now += 100.0
            await asyncio.sleep(0.001)
        assert (await world.row())["trouble"] == "r9: it ended with status 1"
        assert not world.actuators[0].closed
        assert world.routing.serves["p"] == ["h:1"]
        world.pools.follow(section(local=LocalConfig(command=["good", "{port}"])))
        await until(lambda: world.actuators[0].closed and world.actuators[1].closed)
        assert world.actuators[2].replicas
        assert [] not in world.routing.history[1:]

    played(main)


def test_another_command_begins_with_as_many_and_one_that_wants_none_is_not_waited_for() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section(min=0))
        await world.want(3)
        await until(lambda: len(world.routing.serves.get("p", [])) == 3)
        world.pools.follow(section(min=0, local=LocalConfig(command=["y", "{port}"])))
        assert (await world.row())["wanted"] == 3
        await until(lambda: world.actuators[0].closed)
        await world.want(0)
        await until(lambda: world.routing.serves["p"] == [])
        world.pools.follow(section(min=0))
        await until(lambda: world.actuators[1].closed)
        assert world.actuators[2].replicas == {}

    played(main)


def test_other_bounds_alone_keep_what_stands() -> None:
    async def main(world: World) -> None:
        world.pools.follow(section())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        world.pools.follow(section(min=2))
        await until(lambda: len(world.routing.serves["p"]) == 2)
        assert len(world.actuators) == 1

    played(main)

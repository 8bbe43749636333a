"""Pools whose replicas become larger or smaller, with an actuator and a routing that are played."""

from typing import Any

import pytest

from penstock.scaling.config import ScalingConfig
from penstock.scaling.pools import service
from penstock.scaling.size import Size
from penstock.scaling.vertical_config import CountConfig, VerticalConfig
from tests.scaling.pools.test_service import World, played, section, until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ROUND_SECONDS", 0.005)


def sized(**more: Any) -> ScalingConfig:
    return section(vertical=VerticalConfig(mode="suggest", slots=CountConfig(min=2, max=8)), **more)


async def resize(world: World, dry_run: bool = False, **size: int) -> dict[str, Any]:
    return await world.pools.ask({"do": "resize", "pool": "p", "size": size, "why": "a test", "dry_run": dry_run})


def test_replicas_are_replaced_one_by_one_by_ones_of_another_size() -> None:
    async def main(world: World) -> None:
        world.pools.follow(sized())
        await world.want(3)
        await until(lambda: len(world.routing.serves.get("p", [])) == 3)
        world.routing.calls = {"h:1": 1, "h:2": 2, "h:3": 3}
        actuator = world.actuators[0]
        assert await resize(world, slots=8) == {"before": {"slots": 4}, "size": {"slots": 8}, "dry_run": False}
        most = 0

        def done() -> bool:
            nonlocal most
            most = max(most, len(actuator.replicas))
            return not any(one.stale for one in actuator.replicas.values()) and len(actuator.replicas) == 3

        await until(done)
        assert most == 4
        assert world.routing.moved == ["h:1", "h:2", "h:3"], "the emptiest first, and none was cut"
        assert all(len(served) >= 3 for served in world.routing.history[3:])
        assert [one for one in actuator.told if isinstance(one, tuple) and len(one) == 2 and one[0] == 3] == [
            (3, "r1"), (3, "r2"), (3, "r3"),
        ]  # fmt: skip

    played(main)


def test_a_pool_that_nobody_decided_on_yet_has_as_many_afterwards() -> None:
    async def main(world: World) -> None:
        world.pools.follow(sized(min=2))
        await until(lambda: len(world.routing.serves.get("p", [])) == 2)
        await resize(world, slots=8)
        actuator = world.actuators[0]
        await until(lambda: not any(one.stale for one in actuator.replicas.values()) and len(actuator.replicas) == 2)
        assert (await world.row())["wanted"] == 2

    played(main)


def test_a_dry_run_and_what_is_refused_change_nothing() -> None:
    async def main(world: World) -> None:
        world.pools.follow(sized())
        await until(lambda: world.routing.serves.get("p") == ["h:1"])
        assert await resize(world, dry_run=True, slots=8) == {
            "before": {"slots": 4}, "size": {"slots": 8}, "dry_run": True,
        }  # fmt: skip
        assert await resize(world, slots=9) == {"problems": ["pool p: slots 9 is not between 2 and 8, its bounds"]}
        assert await resize(world, context=9) == {"problems": ["pool p: it has no context"]}
        assert world.actuators[0].size == Size(slots=4)
        world.actuators[0].trouble = "the cloud is away"
        assert await resize(world, slots=8) == {"problems": ["pool p: the cloud is away"]}
        world.actuators[0].trouble = ""
        world.actuators[0].unsized = "it may not look"
        assert await resize(world, slots=8) == {"problems": ["pool p: it may not look"]}
        world.pools.follow(section())
        assert "mode is off" in (await resize(world, slots=8))["problems"][0]
        none = await world.pools.ask({"do": "resize", "pool": "q", "size": {}})
        assert none == {"problems": ["pool q is not kept here"]}

    played(main)


def test_a_pool_that_runs_dry_is_not_resized() -> None:
    async def main(world: World) -> None:
        world.pools.follow(sized(dry_run=True))
        assert (await resize(world, slots=8))["dry_run"]
        assert world.actuators[0].size == Size(slots=4)

    played(main)

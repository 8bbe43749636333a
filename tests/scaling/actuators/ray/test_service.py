import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from penstock.core.tasks import Crew
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray.driver.service import Drivers
from penstock.scaling.actuators.ray.service import RayActors
from penstock.scaling.actuators.ray_config import RayConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size
from tests.scaling.actuators.ray.orders import COMMAND, fake_environment, ran


@asynccontextmanager
async def pool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "p") -> AsyncIterator[RayActors]:
    """Before a Ray that is played, with commands that run."""
    for variable, value in fake_environment(folder).items():
        monkeypatch.setenv(variable, value)
    crew = Crew("test")
    drivers = Drivers(crew)

    async def over() -> None:
        await drivers.give_back("head:1", "penstock")

    config = RayConfig(address="head:1", command=COMMAND, num_gpus=2.0)
    actors = RayActors(name, config, drivers.take("head:1", "penstock").ask, over, price=3.0)
    try:
        yield actors
    finally:
        await actors.aclose()
        await crew.aclose()


async def until(actors: RayActors, fact: Callable[[Standing], bool]) -> Standing:
    async with asyncio.timeout(20):
        while not fact(standing := await actors.current()):  # noqa: ASYNC110 - it is asked, and tells nobody
            await asyncio.sleep(0.05)
    return standing


@ran
async def test_replicas_come_serve_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool(tmp_path, monkeypatch) as actors:
        assert (await actors.current()).wanted == -1
        await actors.want(2)
        standing = await until(actors, lambda seen: len(seen.of("ready")) == 2)
        assert (standing.wanted, standing.price) == (2, 3.0)
        addresses = [one.address for one in standing.replicas]
        assert len(set(addresses)) == 2
        for address in addresses:
            with urllib.request.urlopen(f"http://{address}/v1/models", timeout=5) as answer:  # noqa: ASYNC210
                assert answer.status == 200
        victim, stays = standing.replicas
        await actors.drain(victim.name, drained=True)
        assert [one.name for one in (await actors.current()).of("draining")] == [victim.name]
        await actors.want(1, [victim.name])
        assert [one.name for one in (await actors.current()).replicas] == [stays.name]
        (tmp_path / f"dead-{stays.name.partition('/')[2]}").write_text("")
        standing = await actors.current()
        assert "its node has died" in standing.of("failed")[0].trouble
        standing = await until(actors, lambda seen: bool(seen.of("ready")))
        assert standing.of("ready")[0].name != stays.name


@ran
async def test_what_has_no_place_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room").write_text("0")
    async with pool(tmp_path, monkeypatch) as actors:
        await actors.want(1)
        (waits,) = (await actors.current()).of("starting")
        assert waits.trouble == "Ray has not placed it yet: it needs 1 CPU, 2 GPU; free are 3 CPU, 0 GPU in all"
        await actors.want(0)
        assert (await actors.current()).replicas == []


@ran
async def test_those_of_other_pools_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool(tmp_path, monkeypatch, "p") as actors:
        await actors.want(1)
        await until(actors, lambda seen: bool(seen.of("ready")))
        other = RayActors("p2", actors._config, actors._ask, actors._over)
        assert (await other.current()).replicas == []
        await other.want(0)
        assert len((await actors.current()).of("ready")) == 1


@ran
async def test_an_order_that_the_cluster_refuses_is_told_and_tried_later() -> None:
    asked: list[str] = []

    async def ask(do: str, value: object) -> dict[str, object]:
        asked.append(do)
        if do == "start":
            raise ActuatorError("no such resource")
        return {}

    async def over() -> None: ...

    actors = RayActors("p", RayConfig(command=COMMAND), ask, over)
    with pytest.raises(ActuatorError, match="no such resource"):
        await actors.want(1)
    assert "no such resource" in (await actors.current()).of("failed")[0].trouble
    assert asked.count("start") == 1


@ran
async def test_those_of_another_size_are_told_and_new_ones_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool(tmp_path, monkeypatch) as actors:
        await actors.want(1)
        standing = await until(actors, lambda seen: len(seen.of("ready")) == 1)
        assert (standing.size, standing.can) == (Size(cpu=1.0), ["cpu"])
        assert await actors.resize(Size(cpu=3.0), dry_run=True) == Size(cpu=3.0)
        assert not (await actors.current()).replicas[0].stale
        await actors.resize(Size(cpu=3.0))
        standing = await actors.current()
        assert (standing.size, standing.replicas[0].stale) == (Size(cpu=3.0), True)
        old = standing.replicas[0].name
        await actors.want(2)
        standing = await until(actors, lambda seen: len(seen.of("ready")) == 2)
        assert {one.name: one.stale for one in standing.replicas}.pop(old)
        assert sum(one.stale for one in standing.replicas) == 1
        await actors.want(1, [old])
        assert [one.stale for one in (await actors.current()).replicas] == [False]
        (tmp_path / "room").write_text("0")
        await actors.want(2)
        waits = next(one for one in (await actors.current()).of("starting") if one.trouble)
        assert "it needs 3 CPU" in waits.trouble


@ran
async def test_nothing_but_cpus_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool(tmp_path, monkeypatch) as actors:
        with pytest.raises(ActuatorError, match="memory cannot be changed: Ray sets aside CPUs"):
            await actors.resize(Size(memory=2**30))

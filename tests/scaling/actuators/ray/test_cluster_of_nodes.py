"""Against real Ray: a head and two nodes on this host, by Ray's own processes."""

import asyncio
import os
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.core.tasks import Crew
from penstock.scaling.actuators.ray.driver.service import Drivers
from penstock.scaling.actuators.ray.service import RayActors
from penstock.scaling.actuators.ray_config import RayConfig
from penstock.scaling.replica import Standing
from tests.scaling.actuators.ray.orders import COMMAND, ran

ROOT = Path(__file__).parents[4]
pytestmark = [pytest.mark.ray, pytest.mark.slow]


async def until(actors: RayActors, fact: Callable[[Standing], bool]) -> Standing:
    async with asyncio.timeout(90):
        while not fact(standing := await actors.current()):  # noqa: ASYNC110 - it is asked, and tells nobody
            await asyncio.sleep(0.3)
    return standing


def host(address: str) -> str:
    return address.rpartition(":")[0]


def test_replicas_over_nodes_one_of_which_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.ray_cluster import ray_cluster

    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    @ran
    async def play() -> None:
        crew = Crew("test")
        config = RayConfig(address=cluster.address, command=COMMAND, linger=60.0)

        def life() -> RayActors:
            drivers = Drivers(crew)
            driver = drivers.take(config.address, config.namespace)
            return RayActors("p", config, driver.ask, lambda: drivers.give_back(config.address, config.namespace))

        first = life()
        await first.want(2)
        standing = await until(first, lambda seen: len(seen.of("ready")) == 2)
        assert {host(one.address) for one in standing.replicas} == {"127.0.0.2", "127.0.0.3"}, "one on each node"
        await first.aclose()  # this gateway ends; the next one finds them

        second = life()
        found = await second.current()
        assert {one.name for one in found.of("ready")} == {one.name for one in standing.replicas}
        await second.want(2)
        lost = next(one for one in found.replicas if host(one.address) == "127.0.0.3")
        cluster.nodes["3"].kill()
        after = await until(
            second, lambda seen: len(seen.of("ready")) == 2 and lost.name not in {one.name for one in seen.of("ready")}
        )
        assert {host(one.address) for one in after.of("ready")} == {"127.0.0.2"}
        victim, stays = after.of("ready")
        await second.want(1, [victim.name])
        left = await until(second, lambda seen: len(seen.of("ready")) == 1)
        assert left.of("ready")[0].name == stays.name
        with urllib.request.urlopen(f"http://{stays.address}/health", timeout=5) as answer:  # noqa: ASYNC210
            assert answer.status == 200
        await second.want(0)
        await until(second, lambda seen: not seen.of("ready", "starting"))
        await second.aclose()
        await crew.aclose()

    with ray_cluster("2", "3") as cluster:
        play()

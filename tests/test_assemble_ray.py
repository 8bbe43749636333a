import asyncio

from penstock.assemble_ray import RayPools
from penstock.core.tasks import Crew
from penstock.scaling.actuators.ray.app.service import ServeApp
from penstock.scaling.actuators.ray.service import RayActors
from penstock.scaling.actuators.ray_config import RayConfig, ServeConfig
from penstock.scaling.config import PoolConfig


def test_pools_of_one_cluster_share_its_driver_and_serve_needs_none() -> None:
    async def play() -> None:
        pools = RayPools(Crew("test"))
        serve = ServeConfig(url="http://head:8265", application="a", deployment="d")
        assert isinstance(pools.actuator("s", PoolConfig(ray=RayConfig(serve=serve)), 1.0), ServeApp)
        config = PoolConfig(ray=RayConfig(command=["{port}"]))
        first, second = pools.actuator("a", config, 1.0), pools.actuator("b", config, 1.0)
        assert isinstance(first, RayActors)
        assert isinstance(second, RayActors)
        assert first._ask == second._ask
        await first.aclose()
        third = pools.actuator("c", config, 1.0)
        assert isinstance(third, RayActors)
        assert third._ask == second._ask, "the other still has it"

    asyncio.run(play())

"""The composition root's part for pools of replicas, which the supervisor runs: once, however many workers there are.

Names the actuators. Without the scaling slice, or without a pool, nothing runs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.assemble_ray import RayPools
from penstock.config import Config
from penstock.core.tasks import Crew
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance, parse_address

if TYPE_CHECKING:
    from penstock.scaling.actuators.actuator import Actuator
    from penstock.scaling.config import PoolConfig
    from penstock.scaling.pools.service import Pools

HOUR = 3600.0
Found = Callable[[str, tuple[Instance, ...]], Awaitable[bool]]
Known = Callable[[], Any]


class Scaled:
    """All pools of this gateway. ``found`` takes the instances of an upstream; ``known`` tells what is known of all."""

    def __init__(self, crew: Crew, config: Callable[[], Config], found: Found) -> None:
        self._crew = crew
        self._config = config
        self._found = found
        self._pools: Pools | None = None
        self._ray = RayPools(crew)

    def follow(self, config: Config) -> None:
        """Keep the pools that ``config`` names."""
        if importlib.util.find_spec("penstock.scaling") is None:
            return
        from penstock.scaling.config import ScalingConfig

        section = config.of(ScalingConfig)
        if self._pools is None:
            if not section.pools:
                return
            from penstock.scaling.pools.service import Pools

            self._pools = Pools(self._crew, self._actuator, self._told)
        self._pools.follow(section)

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """See ``Pools.ask``."""
        return {"pools": {}} if self._pools is None else await self._pools.ask(question)

    async def aclose(self) -> None:
        """End what was started here."""
        if self._pools is not None:
            await self._pools.aclose()

    async def _told(self, name: str, addresses: list[str]) -> bool:
        return await self._found(name, tuple(Instance(*parse_address(one)) for one in addresses))

    def _actuator(self, name: str, pool: PoolConfig) -> Actuator:
        """What starts and ends the replicas of the pool ``name``."""
        from penstock.scaling.actuators.signal.service import Signal

        which, _ = pool.actuator
        if which == "signal":
            return Signal(partial(self._addresses, name), pool.min, self._price(name))
        if which == "ray":
            return self._ray.actuator(name, pool, self._price(name))
        raise NotImplementedError(which)

    def _price(self, name: str) -> float:
        """Dollars an hour of one replica, as its upstream says."""
        upstream = self._config().of(RoutingConfig).upstreams.get(name)
        return 0.0 if upstream is None else upstream.price.second * HOUR

    def _addresses(self, name: str) -> list[str]:
        """Those of the upstream's instances in force; itself, where it is one."""
        from penstock.routing.live import AT, members

        names = members(self._config().of(RoutingConfig)).get(name, [])
        return [one.partition(AT)[2] or one for one in names]

"""The composition root's part for pools of replicas, which the supervisor runs: once, however many workers there are.

Names the actuators, and is routing as pools see it. Without the scaling slice, or without a pool, nothing runs.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.assemble_engines import OwnEngines
from penstock.assemble_ray import RayPools
from penstock.config import Config
from penstock.core.errors import CallerError
from penstock.core.tasks import Crew
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance, parse_address
from penstock.routing.listing import losses
from penstock.routing.live import AT, members

if TYPE_CHECKING:
    from penstock.process.team import Team
    from penstock.scaling.actuators.actuator import Actuator
    from penstock.scaling.actuators.local.devices import Devices
    from penstock.scaling.config import PoolConfig
    from penstock.scaling.pools.plan import Under
    from penstock.scaling.pools.service import Pools

HOUR = 3600.0


class Scaled:
    """All pools of this gateway. ``team``: its workers; ``engines``: those that are embedded."""

    def __init__(self, crew: Crew, config: Callable[[], Config], team: Team, engines: OwnEngines) -> None:
        self._crew = crew
        self._config = config
        self._team = team
        self._engines = engines
        engines.elsewhere = team.uses
        self._pools: Pools | None = None
        self._devices: Devices | None = None
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

            self._pools = Pools(self._crew, self._actuator, Known(self._team))
        self._pools.follow(section)

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """See ``Pools.ask``."""
        return {"pools": {}} if self._pools is None else await self._pools.ask(question)

    async def aclose(self) -> None:
        """End what was started here."""
        if self._pools is not None:
            await self._pools.aclose()

    def _actuator(self, name: str, pool: PoolConfig, changed: Callable[[], None]) -> Actuator:
        """What starts and ends the replicas of the pool ``name``."""
        which, settings = pool.actuator
        price, sized = self._price(name), partial(self._sized, name)
        if which == "signal":
            from penstock.scaling.actuators.signal.service import Signal

            return Signal(partial(self._addresses, name), pool.min, price)
        if which == "local" and settings.command:
            from penstock.scaling.actuators.local.service import Local

            return Local(name, settings, self._gpus(), changed, price)
        if which == "local":
            from penstock.scaling.actuators.local.embedded import Embedded

            return Embedded(partial(self._engines.of, name), pool.max, price, wall=time.time)
        if which == "kubernetes":
            from penstock.scaling.actuators.kubernetes.service import Kubernetes
            from penstock.scaling.actuators.seldom import Seldom

            return Seldom(Kubernetes(settings, price, sized=sized), settings.interval, time.monotonic)
        if which == "aws":
            from penstock.scaling.actuators.aws.service import actuator
            from penstock.scaling.actuators.seldom import Seldom

            aws = actuator(settings, pool.max, price, changes=not pool.dry_run, sized=sized)
            return Seldom(aws, settings.interval, time.monotonic)
        if which == "ray":
            return self._ray.actuator(name, pool, price)
        raise NotImplementedError(which)

    def _gpus(self) -> Devices:
        """Those of this machine, shared by all pools."""
        from penstock.scaling.actuators.local.devices import Devices, visible

        if self._devices is None:
            self._devices = Devices(visible(os.environ, [node.name for node in Path("/dev").glob("nvidia*")]))
        return self._devices

    def _sized(self, name: str) -> bool:
        """Whether its replicas may be resized: who may not need not know how large they are, nor have the right to."""
        from penstock.scaling.config import ScalingConfig

        pool = self._config().of(ScalingConfig).pools.get(name)
        return pool is not None and pool.vertical.on

    def _price(self, name: str) -> float:
        """Dollars an hour of one replica, as its upstream says."""
        upstream = self._config().of(RoutingConfig).upstreams.get(name)
        return 0.0 if upstream is None else upstream.price.second * HOUR

    def _addresses(self, name: str) -> list[str]:
        """Those of the upstream's instances in force; itself, where it is one."""
        names = members(self._config().of(RoutingConfig)).get(name, [])
        return [one.partition(AT)[2] or one for one in names]


class Known:
    """Routing, as the pools see it. Raises ActuatorError for what the workers do not take."""

    def __init__(self, team: Team) -> None:
        self._team = team

    async def told(self, pool: str, addresses: list[str]) -> bool:
        """These serve in the pool's name; whether they are in force."""
        return await self._team.live.found(pool, tuple(Instance(*parse_address(one)) for one in addresses))

    async def under(self, pool: str, addresses: Sequence[str]) -> dict[str, Under]:
        """What is under way at each that routing knows; at each, while a worker has not told."""
        from penstock.scaling.pools.plan import Under

        rows, complete = await self._team.live.under()
        named = {f"{pool}{AT}{address}": address for address in addresses}
        mine = [row for row in rows if row["name"] in named]
        known = {} if complete else dict.fromkeys(addresses, Under(complete=False))
        return known | {
            named[row["name"]]: Under(row["in_flight"], loss, row["draining"], complete)
            for row, loss in zip(mine, losses(mine), strict=True)
        }

    async def drain(self, pool: str, addresses: Sequence[str], *, drained: bool) -> None:
        """Give them no new calls, or give them some again."""
        from penstock.scaling.actuators.actuator import ActuatorError

        try:
            problems = await self._team.live.drain([f"{pool}{AT}{one}" for one in addresses], drained=drained)
        except CallerError as error:
            problems = [error.message]
        if problems:
            raise ActuatorError(
                f"its replicas cannot be {'drained' if drained else 'taken back'}: {'; '.join(problems)}"
            )

    async def move(self, pool: str, addresses: Sequence[str]) -> None:
        """Have their calls go on elsewhere."""
        await self._team.ask_all("move", [f"{pool}{AT}{one}" for one in addresses])

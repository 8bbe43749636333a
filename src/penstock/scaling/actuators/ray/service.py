"""An actuator whose replicas are actors of a Ray cluster, each around one command on some node.

Enters: how many there should be. Leaves: where they are. The actors are detached: they outlive this gateway, whose next
life finds them by their names, ``<pool>/<id>``. Fails with ActuatorError while the cluster cannot be asked.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.ray import line
from penstock.scaling.actuators.ray.keeping import Keeping, Step
from penstock.scaling.actuators.ray_config import RayConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
MOST_FREE = 8


class RayActors:
    """An Actuator. ``ask`` is the cluster's driver, ``over`` lets go of it."""

    def __init__(
        self, pool: str, config: RayConfig, ask: Ask, over: Callable[[], Awaitable[None]], price: float = 0.0,
        wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._config = config
        self._ask = ask
        self._over = over
        self._wall = wall
        self._keeping = Keeping(self._fresh, config.stop, price)
        self._cpus = config.num_cpus

    def _fresh(self) -> str:
        return f"{self._pool}/{secrets.token_hex(4)}"

    async def current(self) -> Standing:
        """Look, replace what died, and tell."""
        looked = msgspec.convert(await self._ask("look", {}), line.Looked)
        mine = [one for one in looked.replicas if one.name.partition("/")[0] == self._pool]
        steps = self._keeping.take(mine, self._wall())
        for step in steps:
            await self._do(step)
        return self._with_room(self._keeping.standing(), looked.free)

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Done at the next look, which comes at once."""
        self._keeping.want(count, victims)
        await self.current()

    async def drain(self, name: str, *, drained: bool) -> None:
        """Ray chooses no victims: it is only remembered."""
        self._keeping.drain(name, drained)

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Those that start from now on have so many CPUs set aside; those that stand are replaced."""
        if other := [name for name in size.said() if name != "cpu"]:
            raise ActuatorError(f"{' and '.join(other)} cannot be changed: Ray sets aside CPUs for an actor")
        wanted = Size(cpu=self._cpus if size.cpu is None else size.cpu)
        if not dry_run and wanted.cpu is not None and wanted.cpu != self._cpus:
            self._cpus = wanted.cpu
            self._keeping.outdate()
        return wanted

    async def _do(self, step: Step) -> None:
        if step.do != "start":
            await self._ask("end", {"name": step.name, "hard": step.do == "hard"})
            return
        try:
            await self._ask("start", msgspec.to_builtins(self._order(step.name)))
        except ActuatorError as error:
            self._keeping.never_began(step.name, str(error), self._wall())
            raise

    def _order(self, name: str) -> line.Order:
        config = self._config
        return line.Order(
            name, config.command, config.environment, config.ready, config.start, config.stop, config.linger,
            self._wall(), self._cpus, config.num_gpus, config.resources, config.spread,
        )  # fmt: skip

    def _with_room(self, standing: Standing, free: dict[str, float]) -> Standing:
        """Says of those that have no place what they need and what there is."""
        config = self._config
        needs = {"CPU": self._cpus, "GPU": config.num_gpus, **config.resources}
        asked = ", ".join(f"{count:g} {name}" for name, count in needs.items() if count)
        left = ", ".join(f"{free.get(name, 0.0):g} {name}" for name, count in list(needs.items())[:MOST_FREE] if count)
        rows = [
            msgspec.structs.replace(one, trouble=f"{one.trouble}: it needs {asked}; free are {left} in all")
            if one.state == "starting" and one.trouble and not one.address
            else one
            for one in standing.replicas
        ]
        return msgspec.structs.replace(standing, replicas=rows, size=Size(cpu=self._cpus), can=["cpu"])

    async def aclose(self) -> None:
        """Let go. The actors stay, ``linger`` seconds at least."""
        await self._over()

    def __repr__(self) -> str:
        return f"<RayActors {self._pool} {self._keeping!r}>"

"""The composition root's part for calls of pools that have no replica: at each worker, who waits, and who is woken.

Without the scaling slice, or a pool that is started here or may stand at zero, nobody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from typing import TYPE_CHECKING

from penstock.config import Config
from penstock.memory.config import MemoryConfig
from penstock.process.link import LinkError
from penstock.routing.config import RoutingConfig
from penstock.routing.holding import Bounds, Holding, Starting
from penstock.routing.live import family
from penstock.routing.table import Entry

if TYPE_CHECKING:
    from penstock.assemble import Gateway

SHARE = 4
"""Of what all bodies may take, those that wait for a pool take one part."""
WAKE_SECONDS = 1.0
"""A pool is woken no more often than this, however many calls come."""


class Waking:
    """See the module. It survives reloads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._holding: Holding | None = None
        self._woken: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def holding(self, config: Config) -> Holding | None:
        """Where calls wait while ``config`` serves; None where none ever does."""
        if not bounds_of(config):
            return None
        if self._holding is None:
            self._holding = Holding(self._wake, self._gateway.clock.now, asyncio.get_running_loop())
        return self._holding

    def follow(self, config: Config) -> None:
        """Another configuration serves: those that wait for what it has go on."""
        holding = self._holding
        if holding is None:
            return
        holding.bounds = bounds_of(config)
        holding.most_bytes = config.of(MemoryConfig).bodies // SHARE
        self._seconds = {bounds.pool: bounds.seconds for bounds in holding.bounds.values()}
        self._woken = {pool: at for pool, at in self._woken.items() if pool in self._seconds}
        holding.starting = {pool: one for pool, one in holding.starting.items() if pool in self._seconds}
        holding.look(self._is_served)

    def waiting(self, pool: str) -> int:
        """Calls of this worker that wait for ``pool``."""
        return 0 if self._holding is None else self._holding.waiting(pool)

    def _is_served(self, entry: Entry) -> bool:
        found = self._gateway.edition.table.labelled(entry.label)
        return found is None or bool(found.targets)

    def _wake(self, pool: str) -> None:
        now = self._gateway.clock.now()
        if now >= self._woken.get(pool, 0.0) + WAKE_SECONDS:
            self._woken[pool] = now
            self._gateway.crew.spawn(self._ask(pool), f"wake {pool}")

    async def _ask(self, pool: str) -> None:
        gateway = self._gateway
        with contextlib.suppress(OSError, LinkError):  # the supervisor is busy: the next call asks again
            answer = await gateway.fleet.pools({"do": "wake", "pools": {pool: self._seconds.get(pool, 0.0)}})
            row = answer["pools"].get(pool)
            if row is not None and self._holding is not None:
                due = gateway.clock.now() + row["due_in"] if row["starts"] else 0.0
                self._holding.known(pool, Starting(due, row["trouble"], bool(row.get("barred"))))

    def __repr__(self) -> str:
        return f"<Waking {self._holding}>"


def bounds_of(config: Config) -> dict[str, Bounds]:
    """By model, the pool that its calls wait for."""
    if importlib.util.find_spec("penstock.scaling") is None:
        return {}
    from penstock.scaling.config import ScalingConfig

    pools = {name: one for name, one in config.of(ScalingConfig).pools.items() if not one.dry_run}
    pools = {name: one for name, one in pools.items() if one.starts or not one.min}
    found: dict[str, Bounds] = {}
    for pattern, model in config.of(RoutingConfig).models.items():
        name = next((family(name) for name in model.upstreams if name in pools), None)
        if name is not None:
            found[pattern] = Bounds(name, pools[name].hold.calls, pools[name].hold.seconds)
    return found

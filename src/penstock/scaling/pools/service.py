"""Has each pool become what was decided: starts, drains, ends, and tells where its replicas are.

Runs in the supervisor, once however many workers there are. Enters: the configuration in force, and questions: ``want``
sets numbers, ``standing`` asks. Leaves: the instances of pools that are started here, told as discovery tells what it
finds. What fails is counted, told with the pool's standing, logged once, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.core.tasks import Crew
from penstock.scaling.actuators.actuator import Actuator, ActuatorError
from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.replica import Standing

log = logging.getLogger("penstock")

ROUND_SECONDS = 0.5
Told = Callable[[str, list[str]], Awaitable[bool]]
"""Takes the addresses of a pool's ready replicas; says whether they are in force."""
Make = Callable[[str, PoolConfig], Actuator]


@dataclass(slots=True, eq=False)
class Pool:
    """One pool. ``wanted``: as decided last; ``why``: the reason."""

    name: str
    config: PoolConfig
    actuator: Actuator
    wanted: int
    why: str = "the least that is configured"
    standing: Standing = field(default_factory=lambda: Standing(0))
    trouble: str = ""
    told: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Pools:
    """See the module."""

    def __init__(self, crew: Crew, make: Make, told: Told) -> None:
        self._crew = crew
        self._make = make
        self._told = told
        self._pools: dict[str, Pool] = {}

    def follow(self, config: ScalingConfig) -> None:
        """Keep exactly these pools. One whose bounds alone changed goes on; another actuator begins anew."""
        for name, pool in list(self._pools.items()):
            wanted = config.pools.get(name)
            if wanted is None or wanted.actuator != pool.config.actuator or wanted.dry_run != pool.config.dry_run:
                del self._pools[name]
                self._crew.spawn(self._end(pool), f"pool {name} ends")
        for name, one in config.pools.items():
            known = self._pools.get(name)
            if known is not None:
                known.config = one
                known.wanted = min(one.max, max(one.min, known.wanted))
                continue
            pool = self._pools[name] = Pool(name, one, self._make(name, one), one.min)
            pool.task = self._crew.spawn(self._keep(pool), f"pool {name}")

    async def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """``{"do": "want", "wants": {pool: {"count": 3, "why": "..."}}}``, or ``{"do": "standing"}``; both answer
        ``{"pools": {pool: {"standing": ..., "wanted": ..., "why": ..., "trouble": ...}}}``."""
        if question.get("do") == "want":
            for name, asked in question["wants"].items():
                pool = self._pools.get(name)
                if pool is not None:
                    pool.wanted = min(pool.config.max, max(pool.config.min, int(asked["count"])))
                    pool.why = str(asked.get("why", ""))[:500]
        return {"pools": {name: self._row(pool) for name, pool in self._pools.items()}}

    @staticmethod
    def _row(pool: Pool) -> dict[str, Any]:
        return {
            "standing": msgspec.to_builtins(pool.standing), "wanted": pool.wanted, "why": pool.why,
            "trouble": pool.trouble,
        }  # fmt: skip

    async def _keep(self, pool: Pool) -> None:
        while True:
            try:
                await self._round(pool)
                pool.trouble = ""
            except ActuatorError as error:
                if str(error) != pool.trouble:
                    log.warning("pool %s: %s; what stands stays", pool.name, error)
                pool.trouble = str(error)
            await asyncio.sleep(ROUND_SECONDS)

    async def _round(self, pool: Pool) -> None:
        pool.standing = await pool.actuator.current()
        if not pool.config.dry_run and pool.standing.wanted != pool.wanted:
            await pool.actuator.want(pool.wanted)
        ready = [one.address for one in pool.standing.of("ready", "draining") if one.address]
        if pool.config.starts and ready != pool.told and await self._told(pool.name, ready):
            pool.told = ready

    async def _end(self, pool: Pool) -> None:
        if pool.task is not None:
            pool.task.cancel()
            await asyncio.wait({pool.task})
        await pool.actuator.aclose()

    async def aclose(self) -> None:
        """End what was started here."""
        pools, self._pools = list(self._pools.values()), {}
        await asyncio.gather(*(self._end(pool) for pool in pools))

    def __repr__(self) -> str:
        return f"<Pools {', '.join(self._pools) or 'none'}>"

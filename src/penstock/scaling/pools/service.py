"""Keeps each pool as it was decided: has its actuator start and end replicas, and tells routing where they are.

Runs in the supervisor, once for all workers. Enters: the configuration, and what the deciding worker wants. Leaves:
replicas, and rows that tell of them. A replica that goes is drained, its calls are moved, and only then it ends
(``plan.py``). What an actuator or a worker cannot do is logged once, told in the row, and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from penstock.core.tasks import Crew
from penstock.scaling.actuators.actuator import Actuator, ActuatorError
from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.pools.plan import MORE_SECONDS, Going, Plan, Under, plan
from penstock.scaling.pools.pool import Pool, addresses
from penstock.scaling.replica import Replica
from penstock.scaling.size import Size
from penstock.scaling.vertical import problems

log = logging.getLogger("penstock")

ROUND_SECONDS = 0.5


class Routed(Protocol):
    """Routing, as all workers have it. Addresses are ``host:port``, upstreams are named as pools are."""

    async def told(self, pool: str, addresses: list[str]) -> bool:
        """These serve in the pool's name; whether they are in force."""

    async def under(self, pool: str, addresses: Sequence[str]) -> dict[str, Under]:
        """What is under way at each, as far as routing knows it."""

    async def drain(self, pool: str, addresses: Sequence[str], *, drained: bool) -> None:
        """Give them no new calls, or give them some again."""

    async def move(self, pool: str, addresses: Sequence[str]) -> None:
        """Have their calls go on elsewhere."""


Make = Callable[[str, PoolConfig, Callable[[], None]], Actuator]
"""Makes the actuator of a pool; it calls what it is given when something has changed."""


class Pools:
    """See the module."""

    def __init__(self, crew: Crew, make: Make, routed: Routed, now: Callable[[], float] = time.time) -> None:
        self._crew = crew
        self._make = make
        self._routed = routed
        self._now = now
        self._pools: dict[str, Pool] = {}
        self._leaving: set[Pool] = set()

    def follow(self, config: ScalingConfig) -> None:
        """Keep exactly these pools. One whose bounds alone changed goes on. Of one with another actuator what stands
        serves until the new one has a replica."""
        for name, pool in list(self._pools.items()):
            one = config.pools.get(name)
            if one is not None and one.actuator == pool.config.actuator and one.dry_run == pool.config.dry_run:
                pool.config = one
                pool.want(pool.wanted, pool.why, barred=pool.barred)
                continue
            del self._pools[name]
            self._leaving.add(pool)
            if one is not None:
                self._begin(name, one, pool.wanted).before = pool.told or []
            self._crew.spawn(self._retire(pool), f"pool {name} ends")
        for name, one in config.pools.items():
            if name not in self._pools:
                self._begin(name, one)

    def _begin(self, name: str, config: PoolConfig, wanted: int = 0) -> Pool:
        changed = asyncio.Event()
        wanted = min(config.max, max(config.min, wanted))
        pool = Pool(name, config, wanted, self._make(name, config, changed.set), changed, asyncio.Lock())
        pool.task = self._crew.spawn(self._keep(pool), f"pool {name}")
        self._pools[name] = pool
        return pool

    async def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """``{"do": "want", "wants": {pool: {"count": 3, "why": "..."}}}``; ``{"do": "wake", "pools": {pool: seconds}}``
        for calls that wait so long; or ``{"do": "standing"}``. These answer ``{"pools": {pool: {"standing": ...,
        "wanted": ..., "why": ..., "trouble": ...}}}``. ``{"do": "resize", "pool": ..., "size": {"slots": 8}, "why":
        "...", "dry_run": False}`` answers ``{"before": ..., "size": ..., "dry_run": ...}``, or ``problems``."""
        if question.get("do") == "resize":
            return await self._resize(question)
        now = self._now()
        if question.get("do") == "want":
            for name, asked in question["wants"].items():
                if name in self._pools:
                    why, barred = str(asked.get("why", "")), bool(asked.get("barred"))
                    self._pools[name].want(int(asked["count"]), why, barred=barred)
        if question.get("do") == "wake":
            for name, seconds in question["pools"].items():
                if name in self._pools and self._pools[name].wake(now, float(seconds)):
                    log.info("pool %s: woken by a call", name)
        return {"pools": {name: pool.row(now) for name, pool in self._pools.items()}}

    async def _resize(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Have replicas of another size, if their actuator can and the pool's bounds allow what it comes to."""
        name = str(question["pool"])
        pool = self._pools.get(name)
        if pool is None:
            return {"problems": [f"pool {name} is not kept here"]}
        asked, config = msgspec.convert(question["size"], Size), pool.config.vertical
        dry_run = bool(question.get("dry_run")) or pool.config.dry_run
        if not config.on:
            return {"problems": problems(name, asked, Size(), config)}
        try:
            async with pool.acting:
                standing = await pool.actuator.current()
                if standing.unsized:
                    raise ActuatorError(standing.unsized)
                before = standing.size
                size = await pool.actuator.resize(asked, dry_run=True)
                if wrong := problems(name, size, before, config):
                    return {"problems": wrong}
                if not dry_run and size != before:
                    size = await pool.actuator.resize(asked)
                    log.warning("pool %s: %s instead of %s: %s", name, size, before, str(question.get("why", ""))[:500])
        except ActuatorError as error:
            return {"problems": [f"pool {name}: {error}"]}
        pool.changed.set()
        return {"before": msgspec.to_builtins(before), "size": msgspec.to_builtins(size), "dry_run": dry_run}

    # ---- keeping one

    async def _keep(self, pool: Pool) -> None:
        while True:
            pool.changed.clear()
            try:
                async with pool.acting:
                    await self._round(pool)
                trouble = ""
            except ActuatorError as error:
                trouble = str(error)
            except Exception as error:  # a defect of one actuator must not end the keeping of its pool
                trouble = f"{type(error).__name__}: {error}"
                if trouble != pool.trouble:
                    log.exception("pool %s", pool.name)
            if trouble and trouble != pool.trouble:
                log.warning("pool %s: %s; what stands stays", pool.name, trouble)
            pool.trouble = trouble
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await pool.changed.wait()

    async def _round(self, pool: Pool) -> None:
        actuator = pool.actuator
        living = pool.see(standing := await actuator.current())
        await self._tell(pool, living)
        now = self._now()
        wanted = pool.due(now)
        if not standing.moves:
            if standing.wanted != wanted:
                await actuator.want(wanted)
            return
        under: dict[str, Under] = {}
        if pool.going or len(living) > wanted:
            known = await self._routed.under(pool.name, addresses(living, list(living)))
            under = {one.name: known[one.address] for one in living.values() if one.address in known}
        made = plan(standing, wanted, pool.going, under, now, pool.config.drain)
        if pool.config.dry_run:
            if pool.say(made):
                log.info("pool %s would %s (it is a dry run): %s", pool.name, made, pool.why)
            return
        await self._do(pool, made, living)
        if made.end or made.ask != standing.wanted:
            await actuator.want(made.ask, made.end)

    async def _do(self, pool: Pool, made: Plan, living: Mapping[str, Replica]) -> None:
        """What is not the actuator's alone."""
        now = self._now()
        for name in made.back:
            pool.going.pop(name, None)
        for name in (*made.drain, *made.move, *made.out, *made.end):
            pool.going.setdefault(name, Going(now))
        for names, drained in ((made.back, False), (made.drain, True)):
            if names:
                await self._routed.drain(pool.name, addresses(living, names), drained=drained)
            for name in names:
                log.info("pool %s: replica %s %s", pool.name, name, "drains" if drained else "is taken back")
                await pool.actuator.drain(name, drained=drained)
        if made.move:
            await self._routed.move(pool.name, addresses(living, made.move))
        for name in made.out:
            pool.going[name].out = now
        if made.out or made.end:
            await self._tell(pool, living)
        for name in made.end:
            log.info("pool %s: replica %s ends", pool.name, name)

    async def _tell(self, pool: Pool, living: Mapping[str, Replica]) -> None:
        """Tell routing who is ready, where it cannot find them by itself."""
        if not pool.config.starts or pool.config.dry_run:
            return
        serving = pool.serving(living)
        if serving:
            pool.before = []
        told = serving or pool.before
        if told != pool.told and await self._routed.told(pool.name, told):
            pool.told = told

    # ---- ends

    async def _retire(self, pool: Pool) -> None:
        """The configuration wants it no more, or another way: its calls end or go on elsewhere first."""
        await _stopped(pool)
        try:
            async with pool.acting:
                living = pool.see(await pool.actuator.current())
            served = addresses(living, list(living))
            await self._succeeded(pool.name)
            until = self._now() + pool.config.drain
            while pool.config.starts and served and not await self._is_left(pool, served):
                if self._now() >= until + MORE_SECONDS:
                    break
                if self._now() >= until:
                    await self._routed.move(pool.name, served)
                await asyncio.sleep(ROUND_SECONDS)
        except ActuatorError as error:
            log.warning("pool %s ends: %s", pool.name, error)
        finally:
            await pool.actuator.aclose()
            self._leaving.discard(pool)

    async def _succeeded(self, name: str) -> None:
        """Wait until whoever has the name now has a replica of its own, however long it fails at that. Not for one that
        cannot have one before this one goes, or that wants none."""
        while (heir := self._pools.get(name)) is not None and heir.before:
            config = heir.config
            if heir.trouble or config.dry_run or not config.starts or not heir.due(self._now()):
                heir.before = []
                heir.changed.set()
                return
            await asyncio.sleep(ROUND_SECONDS)

    async def _is_left(self, pool: Pool, served: list[str]) -> bool:
        under = await self._routed.under(pool.name, served)
        return all(one.empty for one in under.values())

    async def aclose(self) -> None:
        """End what was started here."""
        pools, self._pools = [*self._pools.values(), *self._leaving], {}
        for pool in pools:
            await _stopped(pool)
        await asyncio.gather(*(pool.actuator.aclose() for pool in pools))

    def __repr__(self) -> str:
        return f"<Pools {', '.join(self._pools) or 'none'}>"


async def _stopped(pool: Pool) -> None:
    """Nobody keeps it any more."""
    if pool.task is not None:
        pool.task.cancel()
        await asyncio.wait({pool.task})

"""Decides, every few seconds, how many replicas each pool should have, and has the supervisor see to it.

Runs at the leading worker. Enters: what stands, asked of the supervisor, and what is seen of calls. Leaves: numbers
with a reason. A round that fails changes nothing: what was decided last stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.control.ruling import Held, Kept, Ruling, kept_of
from penstock.scaling.learned import Capacity
from penstock.scaling.replica import Standing
from penstock.scaling.seen import Decision, Policy, Seen
from penstock.scaling.sight import Now, Sight
from penstock.scaling.starts import Starts
from penstock.scaling.used import Used

log = logging.getLogger("penstock")

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Demand = Callable[[list[str]], Awaitable[list[dict[str, Any]]]]
Complete = Callable[[str, Standing, Seen], Seen]
Make = Callable[[str, PoolConfig], Policy]
Keep = Callable[[str, Kept], None]


class Pool:
    """One pool as the Controller knows it. ``told``: its row as the supervisor gave it last."""

    def __init__(self, ruling: Ruling) -> None:
        self.ruling = ruling
        self.sight = Sight(ruling.pool.policy.ttft)
        self.starts = Starts()
        self.capacity = Capacity(ruling.pool.policy.late)
        self.used = Used()
        self.seen: Seen | None = None
        self.told: dict[str, Any] = {}
        self._moved = False

    def kept(self) -> Kept:
        """What outlives a restart."""
        return Kept(self.starts.measured, self.ruling.held, list(self.ruling.changes), self.capacity.dump())

    def see(self, seen: Seen) -> None:
        """This is seen of it now."""
        self.seen = seen
        self._moved |= bool(seen.starting or seen.draining or not seen.ready)

    def learn(self) -> None:
        """A window is over: what its replicas did says what one carries. If some came or went in it nobody knows how
        many they were."""
        seen, moved, self._moved = self.seen, self._moved, False
        if seen is None or moved:
            return
        did = self.sight.did(seen.ready)
        if did is not None:
            self.capacity.learn(did)

    def carries(self, slots: float) -> float:
        """Load of one replica at the goal, as learned; while nothing is, that of so many calls at once."""
        return self.capacity.carries or self.sight.carried_by(slots)

    def resized(self) -> None:
        """Its replicas become others: what one used is of no account. What one carries is kept, for it is learned down
        as soon as calls are late, and up with evidence only."""
        self.used = Used()

    def restore(self, kept: Kept) -> None:
        """Go on from there; what happened since stays, which may have been kept already."""
        since = self.starts.measured
        if since and kept.starts[-len(since) :] == since:
            since = []
        self.starts = Starts([*kept.starts, *since])
        self.ruling.restore(kept)
        self.capacity.load(kept.learned)

    def __repr__(self) -> str:
        return f"<Pool {self.ruling!r}>"


class Controller:
    """A Service. ``ask`` asks the supervisor's pools, ``demand`` all workers; ``complete`` adds what was learned and
    forecast to what is seen; ``make`` makes a pool's policy; ``keep`` takes what must outlive a restart."""

    name = "scaling"

    def __init__(
        self, ask: Ask, demand: Demand, complete: Complete, make: Make, keep: Keep, wall: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._demand = demand
        self._complete = complete
        self._make = make
        self._keep = keep
        self._wall = wall
        self._began = wall()
        self._config = ScalingConfig()
        self._deciding = asyncio.Lock()
        self.pools: dict[str, Pool] = {}
        self.rounds = 0
        self._trouble = ""
        self.decided = asyncio.Event()
        """Set anew after each round: who waits for news takes it, and waits for its successor."""

    def follow(self, config: ScalingConfig) -> None:
        """Decide for exactly these pools. What was learned of one stays when its rule changes."""
        self._config = config
        known, self.pools = self.pools, {}
        for name, one in config.pools.items():
            pool = known.get(name)
            if pool is None:
                pool = Pool(Ruling(one, self._make(name, one), self._began))
            elif pool.ruling.pool != one:
                ruling, pool.ruling = pool.ruling, Ruling(one, self._make(name, one), self._began)
                pool.ruling.held, pool.ruling.changes = ruling.held, ruling.changes
                if (ruling.pool.policy.ttft, ruling.pool.policy.late) != (one.policy.ttft, one.policy.late):
                    pool.capacity = Capacity(one.policy.late)  # what was learned was of another goal
                pool.sight.goal = one.policy.ttft
            self.pools[name] = pool

    async def run(self) -> None:
        """Round after round."""
        while True:
            await asyncio.sleep(self._config.interval)
            if self.pools:
                await self._try()

    async def _try(self) -> None:
        """A round; one that fails (the supervisor is busy, a link broke) is tried again with the next."""
        try:
            await self.round()
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            if trouble != self._trouble:
                log.warning("pools are not decided for (%s); what was decided last stands", trouble)
            self._trouble = trouble
        else:
            self._trouble = ""

    async def round(self) -> None:
        """Look, decide, tell."""
        async with self._deciding:
            standing = (await self._ask({"do": "standing"}))["pools"]
            workers = await self._demand(list(self.pools))
            wants = {}
            for name, pool in self.pools.items():
                if name in standing:
                    pool.told = standing[name]
                    want = self._decide(name, pool, workers)
                    if want is not None:
                        wants[name] = want
            if wants:
                answer = await self._ask({"do": "want", "wants": wants})
                for name, row in answer["pools"].items():
                    if name in self.pools:
                        self.pools[name].told = row
        self.rounds += 1
        event, self.decided = self.decided, asyncio.Event()
        event.set()

    def _decide(self, name: str, pool: Pool, workers: list[dict[str, Any]]) -> dict[str, Any] | None:
        now = self._wall()
        standing = msgspec.convert(pool.told["standing"], Standing)
        pool.used.note(now, standing.use)
        if pool.starts.see(standing.replicas, now):
            self._keep(name, pool.kept())
        pool.sight.note(now, {told["worker"]: Now(*told["pools"][name]) for told in workers if name in told["pools"]})
        seen = msgspec.structs.replace(
            pool.sight.seen(now), ready=len(standing.of("ready")), starting=len(standing.of("starting")),
            draining=len(standing.of("draining")), wanted=int(pool.told["wanted"]), starts=pool.starts.seconds,
            burst=pool.sight.burst(pool.starts.seconds),
        )  # fmt: skip
        seen = self._complete(name, standing, seen)
        pool.see(seen)
        decision = pool.ruling.decide(seen, blind=pool.sight.is_blind(now))
        if decision.wanted == seen.wanted and decision.barred == bool(pool.told.get("barred")):
            return None
        if pool.ruling.changes and pool.ruling.changes[-1] is decision:
            self._tell(name, pool, seen, decision)
            self._keep(name, pool.kept())
        return {"count": decision.wanted, "why": decision.reason} | ({"barred": True} if decision.barred else {})

    @staticmethod
    def _tell(name: str, pool: Pool, seen: Seen, decision: Decision) -> None:
        does = "would have" if pool.ruling.pool.dry_run else "has"
        cost = f", ${decision.cost:+.2f} an hour" if decision.cost else ""
        says = f"{does} {decision.wanted} replicas instead of {seen.wanted}{cost}"
        log.info("pool %s %s: %s", name, says, decision.reason)

    # ---- what people say

    async def hold(self, name: str, held: Held | None) -> None:
        """A person's word for a pool, or that it counts no more; in force at once."""
        pool = self.pools[name]
        pool.ruling.held = held
        self._keep(name, pool.kept())
        says = "decides again" if held is None else f"is held at {'what it has' if held.count is None else held.count}"
        log.warning("pool %s %s%s", name, says, "" if held is None else f" by {held.by}")
        await self._try()

    def restore(self, name: str, kept: bytes) -> None:
        """What was kept of a pool. Raises ValueError for what is none."""
        pool = self.pools.get(name)
        if pool is not None:
            pool.restore(kept_of(kept))

    def __repr__(self) -> str:
        return f"<Controller of {', '.join(self.pools) or 'nothing'}>"

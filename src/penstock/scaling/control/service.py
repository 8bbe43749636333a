"""Decides, every few seconds, how many replicas each pool should have, and has the supervisor see to it.

Runs at the leading worker. Enters: what is seen of each pool. Leaves: numbers with a reason. A round that fails changes
nothing: what was decided last stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from penstock.scaling.config import PoolConfig, ScalingConfig
from penstock.scaling.replica import Standing
from penstock.scaling.seen import Decision, Policy, Seen

log = logging.getLogger("penstock")

REMEMBERED = 200
"""Decisions that changed something, a pool."""
Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Look = Callable[[str, Standing, float], Seen]
Make = Callable[[str, PoolConfig], Policy]


class Controller:
    """A Service. ``ask`` asks the supervisor's pools; ``look`` sees a pool; ``make`` makes its policy."""

    name = "scaling"

    def __init__(self, ask: Ask, look: Look, make: Make, wall: Callable[[], float]) -> None:
        self._ask = ask
        self._look = look
        self._make = make
        self._wall = wall
        self._config = ScalingConfig()
        self._policies: dict[str, tuple[PoolConfig, Policy]] = {}
        self.standing: dict[str, dict[str, Any]] = {}
        self.decided: dict[str, Decision] = {}
        self.changes: dict[str, deque[Decision]] = {}

    def follow(self, config: ScalingConfig) -> None:
        """Decide for exactly these pools."""
        self._config = config
        known = self._policies
        self._policies = {
            name: known[name] if name in known and known[name][0] == pool else (pool, self._make(name, pool))
            for name, pool in config.pools.items()
        }
        for kept in (self.standing, self.decided, self.changes):
            for name in [name for name in kept if name not in config.pools]:
                del kept[name]

    async def run(self) -> None:
        """Round after round."""
        while True:
            await asyncio.sleep(self._config.interval)
            if self._policies:
                with contextlib.suppress(OSError):  # the supervisor is busy: next time
                    await self.round()

    async def round(self) -> None:
        """Look, decide, tell."""
        self.standing = (await self._ask({"do": "standing"}))["pools"]
        wants = {name: want for name, row in self.standing.items() if (want := self._decided(name, row)) is not None}
        if wants:
            await self._ask({"do": "want", "wants": wants})

    def _decided(self, name: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        known = self._policies.get(name)
        if known is None:
            return None
        standing = msgspec.convert(row["standing"], Standing)
        seen = msgspec.structs.replace(self._look(name, standing, self._wall()), wanted=int(row["wanted"]))
        decision = self.decided[name] = known[1].decide(seen)
        if decision.wanted == seen.wanted:
            return None
        self.changes.setdefault(name, deque(maxlen=REMEMBERED)).append(decision)
        log.info("pool %s: %d replicas instead of %d: %s", name, decision.wanted, seen.wanted, decision.reason)
        return {"count": decision.wanted, "why": decision.reason}

    def __repr__(self) -> str:
        return f"<Controller of {', '.join(self._policies) or 'nothing'}>"

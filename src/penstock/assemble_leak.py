"""The composition root's part for the collector of garbage and the watch for leaks of one worker."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from penstock.config import Config
from penstock.core.errors import Fail
from penstock.edge.config import ListenConfig
from penstock.memory.collecting.service import Collecting
from penstock.memory.config import MemoryConfig
from penstock.memory.leak import Reading
from penstock.memory.ledger import BoundedAccount
from penstock.memory.suggest import Cache, Objects, Suggestion, suggestions
from penstock.memory.tracing.service import Tracing
from penstock.memory.watching.service import LeakWatch
from penstock.net.process import resident, usage

if TYPE_CHECKING:
    from penstock.assemble import Gateway

CONNECTION_BYTES = 32 * 1024
"""A caller's connection with its stream and what stands behind it, at most."""
TASKS_AT_REST = 64
LEAST_SHARE = 0.02
"""Of their bounds: what caches give up all but this."""
EMPTY_ACCOUNTS = ("bodies", "buffers", "batches")
"""They hold nothing while no call is in flight."""


class Tending:
    """See the module. It survives reloads, and is what its watch looks at."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.collecting = Collecting(gateway.pressure, gateway.in_flight, gateway.clock.now)
        self.watch = LeakWatch(self, gateway.pressure, gateway.clock.now)
        self.tracing = Tracing(gateway.clock.now)

    def open(self) -> None:
        """Begin."""
        self._gateway.crew.supervise(self.collecting)
        self._gateway.crew.supervise(self.watch)

    def follow(self, config: Config) -> None:
        """Tend as ``config`` says from now on."""
        self.collecting.follow(config.of(MemoryConfig).collector)
        self.watch.follow(config.of(MemoryConfig).leak)

    # ---- what the watch asks

    def readings(self) -> dict[str, Reading]:
        """What is held, and what explains it."""
        gateway = self._gateway
        used, calls, in_flight = usage(), gateway.ids.made, gateway.in_flight()
        callers = gateway.server.open
        upstreams = sum(numbers[2] for numbers in gateway.upstreams.numbers().values())
        entries = 0 if gateway.caching is None else gateway.caching.shelf.directory.entry_bytes
        explained = gateway.ledger.held + entries + callers * CONNECTION_BYTES
        found = {
            "memory": Reading(used["rss"], explained, in_flight, calls),
            "descriptors": Reading(used["descriptors"], callers + upstreams, in_flight, calls),
            "tasks": Reading(len(asyncio.all_tasks()), in_flight + TASKS_AT_REST, in_flight, calls),
            "calls": Reading(in_flight, callers, in_flight, calls),
        }
        if not in_flight:
            for name in EMPTY_ACCOUNTS:
                if (account := gateway.ledger.accounts.get(name)) is not None:
                    found[f"account {name}"] = Reading(account.held, 0, 0, calls)
        return found

    def accounts(self) -> list[BoundedAccount]:
        """The ledger's."""
        return list(self._gateway.ledger.accounts.values())

    def collect(self) -> int:
        """Everything, now."""
        return self.collecting.collect("deep")

    def give_up(self) -> int:
        """Caches keep next to nothing, and may fill again."""
        squeeze = getattr(self._gateway.caching, "squeeze", None)
        if squeeze is None:
            return 0
        freed = int(squeeze(LEAST_SHARE))
        squeeze(self._gateway.keeping.governor.measures.caches)
        return freed

    # ---- what people ask

    async def trace(self, seconds: float, top: int) -> dict[str, Any]:
        """Where memory is allocated, and all else that is known of it. A trace that may not be is told as a problem."""
        gateway = self._gateway
        if seconds > 0:
            try:
                traced = await self.tracing.trace(seconds, top)
            except Fail as fail:
                return {"ok": False, "worker": gateway.number, "problems": [fail.message]}
        else:
            traced = None
        return {
            "ok": True,
            "worker": gateway.number,
            "rss": resident(),
            "share": gateway.pressure.share,
            "accounts": gateway.ledger.dump(),
            "objects": {"followed": sum(gc.get_count()), "frozen": gc.get_freeze_count()},
            "collector": self.collecting.dump(),
            "leak": self.watch.dump(),
            "suggestions": [one._asdict() for one in self.suggestions()],
            "trace": traced,
        }

    def suggestions(self) -> list[Suggestion]:
        """What might be changed."""
        gateway = self._gateway
        return suggestions(
            share=gateway.pressure.share,
            accounts={account.name: account.held for account in self.accounts()},
            caches=list(self._caches()),
            objects=list(self._objects()),
            pauses=self.collecting.pauses.a_minute(gateway.clock.now()),
        )

    def _caches(self) -> list[Cache]:
        caching = self._gateway.caching
        if caching is None:
            return []
        told: dict[str, dict[str, int]] = {}
        for kind, result, number in caching.dump()["operations"]:
            told.setdefault(kind, {})[result] = number
        account = self._gateway.ledger.accounts.get("cache")
        exact = told.get("exact", {})
        if account is None or not exact:
            return []
        hits = exact.get("hit", 0)
        return [Cache("cache", hits, hits + exact.get("miss", 0), account.held, account.bound)]

    def _objects(self) -> list[Objects]:
        observed = self._gateway.observed
        if observed is None:
            return []
        sums = [(tally.calls, tally.bytes_in) for tally in observed.board.tallies.values() if tally.bytes_in]
        number, size = sum(calls for calls, _ in sums), sum(size for _, size in sums)
        most = self._gateway.config.of(ListenConfig).max_body
        return [Objects("bodies", number, size / number, most, "listen.max_body")] if number else []

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return {**self.collecting.dump(), "leak": self.watch.dump()}

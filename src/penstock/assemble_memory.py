"""The composition root's part for the memory governor: what a worker may use, and what gives back when it is short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.config import Config, ConfigError
from penstock.edge.config import ListenConfig
from penstock.memory.config import MemoryConfig
from penstock.memory.governor import Governor
from penstock.memory.limit import Limit, limit_of, too_small
from penstock.memory.service import Watch
from penstock.memory.store import cgroup_limit, give_back, machine_bytes, map_large_blocks
from penstock.net.process import resident

if TYPE_CHECKING:
    from penstock.assemble import Gateway

CONNECTIONS = 0.5
"""Of the limit: what connections may take, with a call or without; who comes then is dropped as one too many."""


class Keeping:
    """The governor of one worker, and the loop that drives it. It survives reloads."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        """Raises ConfigError where the limit is too small to live under."""
        map_large_blocks()
        self._gateway = gateway
        self.base = resident()
        limit = self.check(config)
        section = config.of(MemoryConfig)
        ledger = gateway.ledger
        self.governor = Governor(
            limit, self.base, ledger, gateway.pressure,
            caches=[] if gateway.caching is None else [gateway.caching],
            buffers=[ledger.account("buffers", section.buffers), *_kept(gateway)],
            resume=self._resume, now=gateway.clock.now,
        )  # fmt: skip
        self.governor.look(self.base)
        self._watch = Watch(
            self.governor, ledger, resident, give_back, gateway.clock.now, section.every, gateway.tending.collect
        )

    def open(self) -> None:
        """Begin to look."""
        self._gateway.crew.supervise(self._watch)

    def check(self, config: Config) -> Limit:
        """The limit under ``config``. Raises ConfigError for one under which nobody could be served."""
        workers = config.of(ListenConfig).workers
        limit = limit_of(config.of(MemoryConfig).limit, cgroup_limit(), machine_bytes(), workers)
        wrong = too_small(limit, self.base, workers)
        if wrong is not None:
            raise ConfigError([f"{config.source}: {wrong}"])
        return limit

    def follow(self, config: Config) -> None:
        """Keep as ``config`` says from now on."""
        limit = self.check(config)
        self.governor.follow(limit)
        self._gateway.ledger.account("connections", int(limit.bytes * CONNECTIONS))
        self._watch.every = config.of(MemoryConfig).every
        self.governor.look(resident())

    def _resume(self, on: bool) -> None:
        if self._gateway.resumption is not None:
            self._gateway.resumption.streams.resting = not on

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values. ``beside``: bytes that no account of the ledger holds, by estimate."""
        gateway = self._gateway
        beside: dict[str, int] = {}
        if gateway.diary is not None:
            beside["journal"] = gateway.diary.notes.waiting_bytes
        if gateway.store is not None:
            beside["store"] = int(gateway.store.dump()["queued_bytes"])
        if gateway.caching is not None:
            told = gateway.caching.shelf.dump()
            beside["cache entries"] = int(told["entry_bytes"])
        return {**self.governor.dump(), "beside": beside}


def _kept(gateway: Gateway) -> list[Any]:
    return [account] if (account := gateway.ledger.accounts.get("resume")) is not None else []

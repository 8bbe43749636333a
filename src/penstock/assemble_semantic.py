"""The composition root's part for the semantic cache: embedder, verifiers, questions, and what joins them to the room.

Enters: a configuration in which it is enabled. Leaves: a Matching for the cache room. What its worker has learned and
read survives reloads that leave those settings as they were. Fails with ConfigError that names the missing extra or
weights, and the command that brings them.
"""

from __future__ import annotations

import asyncio
import platform
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.generation import LocalRoute

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.cache.embedding.embedder import Embedder
    from penstock.cache.entry import Entry
    from penstock.cache.semantic.config import SemanticConfig
    from penstock.cache.semantic.stage import Matching
    from penstock.cache.semantic.store import Memory
    from penstock.cache.store import Shelf

STATUS_PATH = "/admin/v1/cache/semantic"
_OF_MEMORY = (
    "embedder", "max_error", "max_wrong_hits", "alpha", "weights", "shadow", "memory", "entries", "partitions",
)  # fmt: skip
"""Settings with which what was learned and read begins anew."""


class Semantics:
    """The semantic cache of one worker. ``embed`` makes an embedder by its configured name; raises ConfigError."""

    def __init__(self, gateway: Gateway, shelf: Shelf, embed: Callable[[str], Embedder] | None = None) -> None:
        self._gateway = gateway
        self._shelf = shelf
        self._embed = embed or partial(embedder_of, gateway)
        self._memories: dict[tuple[Any, ...], Memory] = {}
        self._config: SemanticConfig | None = None

    @property
    def memory(self) -> Memory | None:
        """What is kept for the configuration in force."""
        return None if self._config is None else self._memories.get(_key(self._config))

    def matching(self, config: Config) -> Matching | None:
        """For the cache room; None while it is off. Raises ConfigError."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig).semantic
        if not section.enabled:
            return None
        from penstock.cache.semantic.stage import Matching

        memory = self._memory(section)
        gateway = self._gateway
        note = None if gateway.observed is None else gateway.observed.note
        comparing, below = _comparing(memory, section, gateway.clock.now, note)
        from penstock.cache.semantic.eligibility import Eligibility
        from penstock.cache.semantic.shadow import Shadows

        shadows = Shadows(
            below, comparing, gateway.ledger.account("cache", config.of(CacheConfig).memory), memory.tally,
            gateway.clock.now, asyncio.sleep, checks=section.checks, most=section.max_answer,
        )  # fmt: skip
        eligibility = Eligibility(section, unfit_of(section), memory.embedder.fits)
        return Matching(
            memory, section, eligibility, comparing, shadows, gateway.crew.spawn, gateway.clock.now, random.random
        )

    def _memory(self, section: SemanticConfig) -> Memory:
        key = _key(section)
        found = self._memories.get(key)
        if found is None:
            found = self._memories[key] = self._made(section)
        return found

    def _made(self, section: SemanticConfig) -> Memory:
        from penstock.cache.embedding.vectors import pack
        from penstock.cache.index.index import Index
        from penstock.cache.semantic.learning import Learners
        from penstock.cache.semantic.service import Upkeep
        from penstock.cache.semantic.space import Space
        from penstock.cache.semantic.store import Memory

        gateway = self._gateway
        account = gateway.ledger.account("semantic", section.memory)
        memory = Memory(
            self._shelf,
            self._embed(section.embedder),
            Learners(partial(verifier_of, section), f"{platform.node()}/{gateway.number}"),
            lambda gone: Space(account, Index, gone, entries=section.entries, partitions=section.partitions),
            pack,
            lambda: self._shelf.config.encryption_key,
        )
        gateway.crew.supervise(Upkeep(memory, gateway.clock.now))
        return memory

    def follow(self, config: Config) -> None:
        """From now on as ``config`` says; what was kept for others is let go."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig).semantic
        self._config = section if section.enabled else None
        mine = _key(section) if section.enabled else None
        for key in [key for key in self._memories if key != mine]:
            self._memories.pop(key).close()

    # ---- what is told

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        from penstock.cache.semantic.feedback import PATH

        return {
            STATUS_PATH: LocalRoute(self.status),
            PATH: LocalRoute(self.feedback, "call", ("POST",)),
        }

    async def status(self, exchange: Exchange) -> Reply:
        """How the bound stands, in words."""
        return Reply(200, [(b"content-type", b"application/json")], msgspec.json.encode(self.told()) + b"\n")

    def told(self) -> dict[str, Any]:
        """The same as plain values."""
        from penstock.cache.semantic.told import status

        memory, config = self.memory, self._config
        if memory is None or config is None:
            return {"enabled": False, "worker": self._gateway.number}
        return {"enabled": True, **status(memory, config, self._gateway.number)}

    async def feedback(self, exchange: Exchange) -> Reply:
        """A caller says that an answer was wrong, or right."""
        raise NotImplementedError

    def dump(self) -> dict[str, Any] | None:
        """This worker's numbers, for metrics."""
        from penstock.cache.semantic.told import numbers

        memory = self.memory
        return None if memory is None else numbers(memory)


def _key(section: SemanticConfig) -> tuple[Any, ...]:
    return tuple(getattr(section, name) for name in _OF_MEMORY)

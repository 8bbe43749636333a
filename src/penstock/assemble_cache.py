"""The composition root's part for the cache slice, which is optional: without it every call is answered anew."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.assemble_live import prices
from penstock.assemble_semantic import Semantics
from penstock.config import Config
from penstock.core.ports import Stage
from penstock.core.stored import Store
from penstock.edge.generation import LocalRoute
from penstock.routing.config import RoutingConfig
from penstock.routing.live import family

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.cache.policy import Bind


class Caching:
    """What one worker keeps of answers. It survives reloads."""

    def __init__(self, gateway: Gateway, config: Config, store: Store | None) -> None:
        from penstock.cache.admin import Admin
        from penstock.cache.config import CacheConfig
        from penstock.cache.service import Following
        from penstock.cache.store import Shelf

        self._gateway = gateway
        section = config.of(CacheConfig)
        account = gateway.ledger.account("cache", section.memory)
        self.shelf = Shelf(store, account, section, secrets.token_hex(8), gateway.clock.wall)
        self.semantics = Semantics(gateway, self.shelf)
        self.admin = Admin(self.shelf)
        self._following = Following(
            self.shelf,
            lambda: self.shelf.config.secret,
            lambda: self.shelf.config.encryption_key,
            gateway.clock.now,
            lambda: gateway.in_flight() > 0,
        )

    def open(self) -> None:
        """Begin to follow the store."""
        self._gateway.crew.supervise(self._following)

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while no model is cached. Raises ConfigError."""
        from penstock.cache.config import CacheConfig
        from penstock.cache.exact import ExactCache
        from penstock.cache.stage import Cache

        section = config.of(CacheConfig)
        if section.encryption_key is not None:
            from penstock.cache.sealed import Seal

            Seal(b"", section.encryption_key)  # says so where its library is missing
        matching = self.semantics.matching(config)
        exact = section.exact.enabled or any(model.enabled for model in section.models.values())
        if not exact and matching is None:
            return None
        routing = config.of(RoutingConfig)
        room = ExactCache if matching is None else Cache
        return room(self.shelf, section, binding(routing), pricing(routing), self._gateway.clock.now, matching)

    def follow(self, config: Config) -> None:
        """Keep as ``config`` says from now on."""
        from penstock.cache.config import CacheConfig

        section = config.of(CacheConfig)
        self._gateway.ledger.account("cache", section.memory)
        self.shelf.follow(section)
        degrading = self._gateway.degrading
        self.shelf.directory.oldest = 0.0 if degrading is None else degrading.oldest(config)
        self.semantics.follow(config)
        if (share := self._gateway.keeping.governor.measures.caches) < 1.0:
            self.squeeze(share)

    def squeeze(self, share: float) -> int:
        """Hold less of what is configured in memory."""
        from penstock.cache.squeezed import squeeze

        accounts = self._gateway.ledger.accounts
        for name in ("cache", "semantic"):
            if name in accounts:
                accounts[name].squeeze(share)
        return squeeze(self.shelf, share)

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        from penstock.cache.admin import PATH

        return {PATH: LocalRoute(self.admin.all, methods=("GET", "DELETE")), **self.semantics.routes()}

    def prefixes(self) -> dict[str, LocalRoute]:
        """By the beginning of the path; the id of an entry follows."""
        from penstock.cache.admin import PATH

        return {f"{PATH}/": LocalRoute(self.admin.one, methods=("GET", "DELETE"))}

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the command line asks."""
        answer = await self.admin.answer(question)
        return answer | {"semantic": self.semantics.told()} if question.get("do") == "stats" else answer

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return {**self.shelf.dump(), "semantic": self.semantics.dump()}


def caching(gateway: Gateway, config: Config, store: Store | None) -> Caching | None:
    """A Caching if the slice is installed."""
    return Caching(gateway, config, store) if importlib.util.find_spec("penstock.cache") is not None else None


def binding(routing: RoutingConfig) -> Bind:
    """For a model's name: its entry in ``routing``, and what of it shapes answers."""
    shapes = {
        name: msgspec.json.encode([model.upstream_model, model.max_tokens]) for name, model in routing.models.items()
    }

    def bind(model: str) -> tuple[str, bytes] | None:
        pattern = routing.entry(model)
        return None if pattern is None else (pattern, shapes[pattern])

    return bind


def pricing(routing: RoutingConfig) -> Callable[[str], tuple[float, float]]:
    """For the name of an upstream, or of an instance of one: dollars for a token in and out."""
    known = {name: prices(upstream) for name, upstream in routing.upstreams.items()}
    return lambda name: known.get(family(name), (0.0, 0.0))

"""The composition root's part for embedded engines: one LocalEngine an upstream of kind ``local``, kept running.

They belong to the supervisor, so that there are as many as configured however many workers there are. A worker in
the same process uses them directly; one in a process of its own asks for their ``seats``. An engine is known by its
upstream's name and settings, and ends when no configuration wants it and no worker uses it any more. One that makes
embeddings stands beside it, from the first call for any.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from penstock.config import Config
from penstock.core.printing import fingerprint
from penstock.core.tasks import Crew
from penstock.routing.config import RoutingConfig
from penstock.routing.upstream_config import UpstreamConfig

if TYPE_CHECKING:
    from penstock.providers.local.provider import Engine, Seat
    from penstock.providers.local.service import LocalEngine


EMBEDDINGS = " embeddings"
"""Ends the key of an engine that makes them."""
EMBEDDED_TOKENS = 512
"""Of one text: all of it must be computed at once."""
EMBEDDED_TEXTS = 8
"""Of one call or of several, at once."""


class Engines(Protocol):
    """Where a worker gets its engines from."""

    def engine(self, name: str, config: UpstreamConfig) -> Engine: ...

    def embedder(self, name: str, config: UpstreamConfig) -> Engine: ...


class LentEngine:
    """An engine as a worker in the same process sees it: to use, not to end."""

    def __init__(self, key: str, engine: Callable[[], LocalEngine]) -> None:
        self._key = key
        self._engine = engine

    async def pick(self, until: float) -> Seat:
        """The least busy replica."""
        return await self._engine().pick(until)

    async def aclose(self) -> None:
        """Its owner ends it."""

    def __repr__(self) -> str:
        return f"<LentEngine {self._key}>"


class OwnEngines:
    """Engines as children of this process, by their keys. ``elsewhere``: see ``LocalEngine``."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._running: dict[str, LocalEngine] = {}
        self._settings: dict[str, tuple[str, UpstreamConfig]] = {}
        self.elsewhere: Callable[[str], Awaitable[bool]] | None = None

    def engine(self, name: str, config: UpstreamConfig) -> LentEngine:
        """The running engine of the upstream ``name`` with these very settings, started now if it was not."""
        key = engine_key(name, config)
        self._settings[key] = name, config
        engine = self._run(key)
        return LentEngine(key, lambda: engine)

    def embedder(self, name: str, config: UpstreamConfig) -> LentEngine:
        """Likewise the one that makes embeddings, started when it is first asked."""
        key = engine_key(name, config)
        self._settings[key] = name, config
        return LentEngine(key + EMBEDDINGS, partial(self._run, key + EMBEDDINGS))

    def _run(self, key: str) -> LocalEngine:
        engine = self._running.get(key)
        if engine is None:
            settings = self._settings[key.removesuffix(EMBEDDINGS)]
            engine = self._running[key] = _start(*settings, self._crew, embeddings=key.endswith(EMBEDDINGS))
            engine.elsewhere = self.elsewhere
        return engine

    def of(self, name: str) -> LocalEngine | None:
        """The newest engine of the upstream ``name``, of those that answer calls with text."""
        known = [
            engine for key, engine in self._running.items() if key.partition(" ")[0] == name and EMBEDDINGS not in key
        ]
        return known[-1] if known else None

    def seats(self, key: str) -> dict[str, Any]:
        """Where the ready replicas of an engine are; while there are none, why, as far as it is known."""
        lazy = key.endswith(EMBEDDINGS) and key.removesuffix(EMBEDDINGS) in self._settings
        if key not in self._running and not lazy:
            return {"seats": [], "trouble": ""}
        engine = self._run(key)
        return {
            "seats": [
                {"base_url": replica.base_url, "api_key": replica.api_key}
                for replica in engine.replicas
                if replica.ready
            ],
            "trouble": engine.trouble,
        }

    def loads(self) -> dict[str, list[float]]:
        """By upstream, the seconds that each ready replica took to load its model."""
        loads: dict[str, list[float]] = {}
        for key, engine in self._running.items():
            name = key.partition(" ")[0] + ("/embeddings" if key.endswith(EMBEDDINGS) else "")
            loads.setdefault(name, []).extend(one.load_seconds for one in engine.replicas if one.ready)
        return loads

    def start(self, config: Config) -> None:
        """Start the engines that ``config`` asks for."""
        for name, upstream in _local(config):
            self.engine(name, upstream)

    def unwanted(self, config: Config) -> set[str]:
        """The engines that ``config`` does not ask for."""
        wanted = {engine_key(name, upstream) for name, upstream in _local(config)}
        return {key for key in self._running if key.removesuffix(EMBEDDINGS) not in wanted}

    async def end(self, keys: Collection[str]) -> None:
        """End these engines."""
        for key in keys:
            self._settings.pop(key, None)
        for engine in [self._running.pop(key) for key in keys]:
            await engine.aclose()

    def __repr__(self) -> str:
        return f"<OwnEngines {list(self._running.values())}>"


def banner() -> str:
    """What a newcomer must know of the embedded model."""
    from penstock.providers.local.weights import BANNER

    return BANNER


def engine_key(name: str, config: UpstreamConfig) -> str:
    """What makes an engine another one: not its weight in routing, say."""
    return f"{name} {fingerprint(msgspec.structs.replace(config, weight=1, drain=False, queue=1, max_connections=1))}"


def _local(config: Config) -> list[tuple[str, UpstreamConfig]]:
    return [pair for pair in config.of(RoutingConfig).upstreams.items() if pair[1].kind == "local"]


def _start(name: str, config: UpstreamConfig, crew: Crew, *, embeddings: bool = False) -> LocalEngine:
    from penstock.providers.local.engine import EngineOptions
    from penstock.providers.local.service import LocalEngine

    model = config.model or "smollm2"
    given: dict[str, Any] = {"threads": config.threads, "context": config.context, "slots": config.slots}
    if os.path.sep in model:
        given["alias"] = os.path.splitext(os.path.basename(model))[0]
    least, most = max(1, config.replicas.min), max(1, config.replicas.max)
    if embeddings:
        given |= {"embeddings": True, "context": EMBEDDED_TOKENS, "slots": EMBEDDED_TEXTS, "prompt_cache_mib": 0}
        name, least, most = f"{name}/embeddings", 1, 1
    options = EngineOptions(**{key: value for key, value in given.items() if value is not None})
    engine = LocalEngine(name, options, model=model, minimum=least, maximum=most)
    crew.supervise(engine)
    return engine

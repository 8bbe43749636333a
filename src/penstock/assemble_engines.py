"""The composition root's part for embedded engines: one LocalEngine an upstream of kind ``local``, kept running.

They belong to the supervisor, so that there are as many as configured however many workers there are. A worker in
the same process uses them directly; one in a process of its own asks for their ``seats``. An engine is known by its
upstream's name and settings, and ends when no configuration wants it and no worker uses it any more.
"""

from __future__ import annotations

import os
from collections.abc import Collection
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


class Engines(Protocol):
    """Where a worker gets its engines from."""

    def engine(self, name: str, config: UpstreamConfig) -> Engine: ...


class LentEngine:
    """An engine as a worker in the same process sees it: to use, not to end."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    async def pick(self, until: float) -> Seat:
        """The least busy replica."""
        return await self._engine.pick(until)

    async def aclose(self) -> None:
        """Its owner ends it."""

    def __repr__(self) -> str:
        return f"<LentEngine {self._engine!r}>"


class OwnEngines:
    """Engines as children of this process, by their keys."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._running: dict[str, LocalEngine] = {}

    def engine(self, name: str, config: UpstreamConfig) -> LentEngine:
        """The running engine of the upstream ``name`` with these very settings, started at first use."""
        key = engine_key(name, config)
        engine = self._running.get(key)
        if engine is None:
            engine = self._running[key] = _start(name, config, self._crew)
        return LentEngine(engine)

    def seats(self, key: str) -> dict[str, Any]:
        """Where the ready replicas of an engine are; while there are none, why, as far as it is known."""
        engine = self._running.get(key)
        if engine is None:
            return {"seats": [], "trouble": ""}
        return {
            "seats": [
                {"base_url": replica.base_url, "api_key": replica.api_key}
                for replica in engine.replicas
                if replica.ready
            ],
            "trouble": engine.trouble,
        }

    def start(self, config: Config) -> None:
        """Start the engines that ``config`` asks for."""
        for name, upstream in _local(config):
            self.engine(name, upstream)

    def unwanted(self, config: Config) -> set[str]:
        """The engines that ``config`` does not ask for."""
        return set(self._running) - {engine_key(name, upstream) for name, upstream in _local(config)}

    async def end(self, keys: Collection[str]) -> None:
        """End these engines."""
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


def _start(name: str, config: UpstreamConfig, crew: Crew) -> LocalEngine:
    from penstock.providers.local.engine import EngineOptions
    from penstock.providers.local.service import LocalEngine

    model = config.model or "smollm2"
    given: dict[str, Any] = {"threads": config.threads, "context": config.context}
    if os.path.sep in model:
        given["alias"] = os.path.splitext(os.path.basename(model))[0]
    options = EngineOptions(**{key: value for key, value in given.items() if value is not None})
    engine = LocalEngine(
        name,
        options,
        model=model,
        minimum=max(1, config.replicas.min),
        maximum=max(1, config.replicas.max),
    )
    crew.supervise(engine)
    return engine

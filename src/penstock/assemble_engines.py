"""The composition root's part for embedded engines: one LocalEngine an upstream of kind ``local``, kept running.

They belong to the supervisor, so that there are as many as configured however many workers there are. A worker in
the same process uses them directly; one in a process of its own asks for their ``seats``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from penstock.config import Config
from penstock.core.printing import fingerprint
from penstock.core.tasks import Crew
from penstock.routing.config import RoutingConfig, UpstreamConfig

if TYPE_CHECKING:
    from penstock.providers.local.provider import Engine
    from penstock.providers.local.service import LocalEngine


class Engines(Protocol):
    """Where a worker gets its engines from."""

    def engine(self, name: str, config: UpstreamConfig) -> Engine: ...


class OwnEngines:
    """Engines as children of this process."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._running: dict[tuple[str, str], LocalEngine] = {}

    def engine(self, name: str, config: UpstreamConfig) -> LocalEngine:
        """The running engine of the upstream ``name`` with these very settings, started at first use."""
        key = (name, _identity(config))
        engine = self._running.get(key)
        if engine is None:
            engine = self._running[key] = _start(name, config, self._crew)
        return engine

    def seats(self, name: str) -> list[dict[str, Any]]:
        """Where the ready replicas of ``name`` are."""
        return [
            {"base_url": replica.base_url, "api_key": replica.api_key}
            for (known, _), engine in self._running.items()
            if known == name
            for replica in engine.replicas
            if replica.ready
        ]

    def trouble(self, name: str) -> str:
        """Why there are none, as far as it is known."""
        return next((engine.trouble for (known, _), engine in self._running.items() if known == name), "")

    async def follow(self, config: Config) -> None:
        """Run just the engines that ``config`` asks for."""
        wanted = {
            (name, _identity(upstream))
            for name, upstream in config.of(RoutingConfig).upstreams.items()
            if upstream.kind == "local"
        }
        for key in [key for key in self._running if key not in wanted]:
            await self._running.pop(key).aclose()
        for name, upstream in config.of(RoutingConfig).upstreams.items():
            if upstream.kind == "local":
                self.engine(name, upstream)

    def __repr__(self) -> str:
        return f"<OwnEngines {list(self._running.values())}>"


def banner() -> str:
    """What a newcomer must know of the embedded model."""
    from penstock.providers.local.weights import BANNER

    return BANNER


def _identity(config: UpstreamConfig) -> str:
    """What makes an engine another one: not its weight in routing, say."""
    return fingerprint(msgspec.structs.replace(config, weight=1, queue=1, max_connections=1))


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

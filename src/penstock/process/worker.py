"""One worker: a Gateway on its listening socket, and the answers it gives to the supervisor's questions.

In one process with the supervisor it is asked directly; as a process of its own, over a Link (see child.py).
"""

from __future__ import annotations

import gc
import os
import socket
from typing import Any

import msgspec

from penstock.assemble import Gateway
from penstock.assemble_engines import Engines
from penstock.auth.config import AuthConfig
from penstock.config import Config, ConfigError
from penstock.edge.config import ListenConfig
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation
from penstock.net.tls import server_context
from penstock.process.spec import Spec


class Worker:
    """See the module. ``answers`` is what may be asked, by name; every value is plain."""

    def __init__(self, number: int, fleet: Fleet, engines: Engines | None = None) -> None:
        self.number = number
        self._engines = engines
        self._fleet = fleet
        self._prepared: tuple[Config, Generation] | None = None
        self.answers = {
            "dump": self._dump,
            "calls": self._calls,
            "prepare": self._prepare,
            "commit": self._commit,
            "drain": self._drain,
        }

    async def open(self, spec: Spec, listener: socket.socket) -> None:
        """Build the gateway and accept calls on ``listener``. Raises ConfigError."""
        config = spec.parse(os.environ)
        self.gateway = Gateway(self.number, self._fleet, self._engines)
        await self.gateway.__aenter__()
        try:
            await self.gateway.open(config)
            tls = config.of(ListenConfig).tls
            context = None if tls is None else server_context(tls.cert, tls.key)
            await self.gateway.server.listen(listener, context)
        except BaseException:
            await self.aclose()
            raise
        # What is here now lives until the end: the collector need not look at it again, nor often at the rest.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    async def aclose(self) -> None:
        """Let go of everything."""
        await self.gateway.__aexit__(None, None, None)

    # ---- answers

    async def _dump(self, _: Any) -> dict[str, Any]:
        return self.gateway.dump()

    async def _calls(self, value: Any) -> list[dict[str, Any]]:
        observed = self.gateway.observed
        if observed is None:
            return []
        if value["id"]:
            row = observed.recent.find(value["id"])
            return [] if row is None else [row]
        return observed.recent.rows(value["count"])

    async def _prepare(self, value: Any) -> list[str]:
        """Build a generation and keep it ready. Answers with the problems: none means ready."""
        spec = msgspec.convert(value, Spec)
        try:
            config = spec.parse(os.environ)
            problems = unchangeable(self.gateway.config, config)
            if problems:
                return problems
            self._prepared = (config, await self.gateway.build(config))
        except ConfigError as error:
            return list(error.problems)
        return []

    async def _commit(self, _: Any) -> None:
        """Serve by the generation that was prepared."""
        if self._prepared is not None:
            config, generation = self._prepared
            self._prepared = None
            await self.gateway.adopt(config, generation)

    async def _drain(self, seconds: Any) -> None:
        await self.gateway.drain(float(seconds))

    def __repr__(self) -> str:
        return f"<Worker {self.number}>"


def unchangeable(old: Config, new: Config) -> list[str]:
    """Why ``new`` cannot replace ``old`` in a running process: some things are bound at start."""
    problems = []
    before, after = old.of(ListenConfig), new.of(ListenConfig)
    for name in ("host", "port", "workers", "tls"):
        if getattr(before, name) != getattr(after, name):
            problems.append(f"{new.source}: listen.{name} cannot change while running; restart to change it")
    if old.of(AuthConfig) != new.of(AuthConfig):
        problems.append(f"{new.source}: auth cannot change while running; restart to change it")
    return problems

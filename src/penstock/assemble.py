"""The composition root: the only file that names concrete classes.

A ``Gateway`` is everything one worker owns (clock, deadlines, ledger, counters, targets, server); it survives reloads.
``build`` makes a Generation out of a Config; ``adopt`` swaps it in. What a new config leaves as it was keeps its
state: upstreams are known by name and fingerprint. Building may fail with ConfigError; then nothing has changed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from penstock.assemble_engines import Engines, OwnEngines
from penstock.assemble_keys import key_store
from penstock.assemble_observation import Observation, observation
from penstock.assemble_upstreams import Upstreams
from penstock.auth.config import AuthConfig
from penstock.auth.keys import KeyRing
from penstock.auth.service import KeyWatch
from penstock.auth.stage import Auth
from penstock.config import Config
from penstock.core.clock import RealClock
from penstock.core.deadlines import Wheel
from penstock.core.errors import GatewayError
from penstock.core.ports import Stage
from penstock.core.tasks import Crew
from penstock.edge.config import ListenConfig
from penstock.edge.endpoint import Endpoint
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation
from penstock.edge.ids import Ids
from penstock.edge.local_routes import LocalRoutes
from penstock.memory.config import MemoryConfig
from penstock.memory.ledger import Ledger
from penstock.memory.stage import Memory
from penstock.net.names import Names
from penstock.net.process import usage
from penstock.net.server import Limits, Server
from penstock.pipeline import ROOMS, check, compose
from penstock.routing.config import RoutingConfig
from penstock.routing.stage import Routing
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.targets import Target

TICK_SECONDS = 0.05
"""Resolution of all deadlines."""


class Gateway:
    """One worker's state and its present generation. Use as an async context manager."""

    def __init__(self, number: int, fleet: Fleet, engines: Engines | None = None) -> None:
        self.number = number
        self.clock = RealClock()
        self.started = self.clock.now()
        self.wheel = Wheel(TICK_SECONDS, self.started)
        self.ledger = Ledger()
        self.crew = Crew(f"worker-{number}")
        self.reloads = 0
        self._ring: KeyRing | None = None
        self._fleet = fleet
        self._engines = engines
        self._stack = AsyncExitStack()
        self.observed: Observation | None = observation(self.clock.wall)

    async def __aenter__(self) -> Gateway:
        engines = self._engines or OwnEngines(self.crew)
        self.upstreams = Upstreams(self.wheel, Names(self.clock.now), self.clock.now, engines)
        self._stack.push_async_callback(self.upstreams.aclose)
        self._stack.push_async_callback(self.crew.aclose)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def open(self, config: Config) -> None:
        """Make the first generation and the server. Raises ConfigError, or KeyFileError."""
        if config.of(AuthConfig).mode == "keys":
            store = key_store(config, os.environ)
            store.open(create=False)
            self._ring = store.ring
            self.crew.supervise(KeyWatch(store))
        generation = await self.build(config)
        self.endpoint = Endpoint(generation, Ids(self.number), self.clock.now, self.clock.wall)
        self.server = Server(self.endpoint, limits_of(config), self.wheel, self.clock.now)
        self.config = config
        self.crew.spawn(self._turn_wheel(), "wheel")

    async def adopt(self, config: Config, generation: Generation) -> None:
        """Serve new requests by ``generation``; the old one ends with its last exchange."""
        old = self.endpoint.generation
        self.endpoint.generation = generation
        self.server.limits = limits_of(config)
        self.config = config
        self.reloads += 1
        keep = {target.name: target for target in self._targets_of(config)}

        def retire() -> None:
            self.crew.spawn(self.upstreams.retire_all_but(keep.values()), "retire upstreams")

        if old.in_flight:
            old.on_empty = retire
        else:
            retire()

    def _targets_of(self, config: Config) -> Sequence[Target]:
        return [
            self.upstreams.target(name, upstream, config.of(RoutingConfig).timeouts)
            for name, upstream in config.of(RoutingConfig).upstreams.items()
        ]

    async def build(self, config: Config) -> Generation:
        """A generation of ``config``, checked. Raises ConfigError, and changes nothing that serves."""
        auth_mode = config.of(AuthConfig).mode
        listen = config.of(ListenConfig)
        routing = config.of(RoutingConfig)
        targets = {target.name: target for target in self._targets_of(config)}
        entries = [
            Entry(
                pattern,
                [targets[name] for name in model.upstreams],
                make_strategy(model.strategy),
                model.upstream_model,
            )
            for pattern, model in routing.models.items()
        ]
        auth = Auth(self._ring if auth_mode == "keys" else None)
        memory = config.of(MemoryConfig)
        stages: dict[str, Stage] = {
            "auth": auth,
            "memory": Memory(
                self.ledger.account("bodies", memory.bodies),
                max_body=listen.max_body,
                retry_after=memory.retry_after,
            ),
            "routing": Routing(Table(entries), list(targets.values())),
        }
        if self.observed is not None:
            stages["observe"] = self.observed.stage(config)
        rooms = [room for room in ROOMS if room.name == "edge" or room.name in stages]
        check(rooms)
        local = LocalRoutes(
            models=[entry.pattern for entry in entries],
            created=int(self.clock.wall()),
            fleet=self._fleet,
            waits_for=self.waits_for,
            config=lambda: config.dump(masked=True),
            open_metrics=listen.loopback,
        )
        return Generation(
            run=compose([stages[room.name] for room in rooms if room.name in stages]),
            number=self.reloads + 1,
            total_timeout=routing.timeouts.total,
            authorize=auth.admit,  # type: ignore[arg-type]
            routes=local.routes(),
            prefixes=local.prefixes(),
            hosts=_open_hosts(listen) if auth_mode == "open" else None,
            trusted=[ipaddress.ip_network(network) for network in listen.trusted_proxies],
            cors_origins=frozenset(listen.cors_origins),
        )

    async def _turn_wheel(self) -> None:
        """Drives every deadline, the date, and the writing of the access log."""
        turns = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.wheel.turn(self.clock.now())
            turns += 1
            if turns % 5 == 0 and self.observed is not None:
                self.observed.flush()
            if turns % 20 == 0:
                self.endpoint.tick()

    def waits_for(self) -> list[str]:
        """What must be there before calls are served well; empty when ready."""
        return ["shutdown"] if self.endpoint.stopping else []

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values, for metrics and status."""
        return {
            "worker": self.number,
            "generation": self.endpoint.generation.number,
            "uptime": self.clock.now() - self.started,
            "reloads": self.reloads,
            "connections": self.server.open,
            "connections_refused": self.server.refused_connections,
            "refused_at_the_edge": self.endpoint.refused,
            "accounts": {
                account.name: [account.held, account.bound, account.peak, account.refused]
                for account in self.ledger.accounts.values()
            },
            "upstreams": self.upstreams.numbers(),
            "process": usage(),
            "observed": None if self.observed is None else self.observed.board.dump(),
        }

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let running calls finish for ``seconds``, then end each with an error it can understand."""
        self.endpoint.stopping = True
        self.server.stop_accepting()
        until = self.clock.now() + seconds
        while self.server.open and self.clock.now() < until:  # noqa: ASYNC110 - once in a life, and short
            await asyncio.sleep(0.02)
        self.server.end_all(
            GatewayError("the gateway is shutting down", code="gateway_stopping", retry_after=1, phase="drain")
        )
        for _ in range(50):
            if not self.server.open:
                break
            await asyncio.sleep(0.02)
        self.server.abort_all()
        if self.observed is not None:
            self.observed.flush()

    def __repr__(self) -> str:
        return f"<Gateway {self.number} generation {self.endpoint.generation.number}>"


def limits_of(config: Config) -> Limits:
    """The server's bounds."""
    listen = config.of(ListenConfig)
    return Limits(**{name: getattr(listen, name) for name in Limits.__slots__})


def _open_hosts(listen: ListenConfig) -> frozenset[str]:
    """The Host names served while no key is asked for: this machine's own, and those configured."""
    own = f"[{listen.host.strip('[]')}]" if ":" in listen.host else listen.host.lower()
    return frozenset({"localhost", "127.0.0.1", "[::1]", own, *(host.lower() for host in listen.hosts)})

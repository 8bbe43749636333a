"""The composition root: the only file that names concrete classes.

A ``Gateway`` is everything one worker owns (clock, deadlines, ledger, counters, targets, server); it survives reloads.
``prepare`` makes an Edition out of a Config, ``adopt`` swaps it in. What a new config leaves as it was keeps its
state: upstreams are known by name and fingerprint. Preparing may fail with ConfigError; then nothing has changed.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.assemble_admission import admitting
from penstock.assemble_batching import merging
from penstock.assemble_cache import Caching, caching
from penstock.assemble_coalesce import coalescing
from penstock.assemble_cost import costing
from penstock.assemble_dashboard import Dashboard
from penstock.assemble_degrade import degradation
from penstock.assemble_demand import Demand
from penstock.assemble_door import generation_of, limits_of, local_paths, open_to_sockets
from penstock.assemble_drain import Draining
from penstock.assemble_engines import Engines, OwnEngines
from penstock.assemble_entries import entries
from penstock.assemble_grouping import grouped
from penstock.assemble_health import Watch
from penstock.assemble_jobs import DOOR, jobbing
from penstock.assemble_journal import diary
from penstock.assemble_keys import Keys
from penstock.assemble_leak import Tending
from penstock.assemble_memory import Keeping
from penstock.assemble_numbers import numbers
from penstock.assemble_observation import Observation, observation
from penstock.assemble_resume import resumption
from penstock.assemble_routes import Routes
from penstock.assemble_stages import make_stages
from penstock.assemble_store import open_store
from penstock.assemble_streaming import streams
from penstock.assemble_upstreams import Upstreams
from penstock.assemble_waking import Waking
from penstock.assemble_warmup import WarmStart
from penstock.assemble_watching import watching
from penstock.config import Config
from penstock.core.clock import RealClock
from penstock.core.deadlines import Wheel
from penstock.core.overload import Overload, Pressure
from penstock.core.tasks import Crew
from penstock.edge.endpoint import Endpoint
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation
from penstock.edge.ids import Ids
from penstock.memory.ledger import UNBOUNDED, Ledger
from penstock.net.names import Names
from penstock.net.server import Server
from penstock.pipeline import ROOMS, check, compose
from penstock.routing.config import RoutingConfig
from penstock.routing.table import Table
from penstock.routing.targets import Target

if TYPE_CHECKING:
    from penstock.store.store import DeskStore

TICK_SECONDS = 0.05
"""Resolution of all deadlines."""
PLACES = 12_000
"""Calls in flight that a worker is taken to carry, until a room says better."""


@dataclass(frozen=True, slots=True, eq=False)
class Edition:
    """What one configuration was made into. Its targets stay until its generation's last exchange has ended."""

    config: Config
    generation: Generation
    targets: list[Target]
    table: Table


class Gateway:
    """One worker's state and its present edition. Use as an async context manager."""

    def __init__(self, number: int, fleet: Fleet, engines: Engines | None = None) -> None:
        self.number = number
        self.clock = RealClock()
        self.started = self.clock.now()
        self.wheel = Wheel(TICK_SECONDS, self.started)
        self.ledger = Ledger()
        self.pressure = Pressure()
        self.overload = Overload(PLACES)
        self.crew = Crew(f"worker-{number}")
        self.watch = Watch(self.crew, self.clock.now)
        self.reloads = 0
        self.store: DeskStore | None = None
        self.keys = Keys(self)
        self._editions: list[Edition] = []
        self._prepared: Edition | None = None
        self._draining = Draining(self)
        self.fleet = fleet
        self._engines = engines
        self._stack = AsyncExitStack()
        self.observed: Observation | None = observation(self.clock.wall, self)
        self.diary = diary(self)
        self.admitting = admitting(self)
        self.coalescing = coalescing(self.ledger, self.clock.now)
        self.degrading = degradation(self.overload, self.pressure, self.clock.now)
        self.grouped = grouped(self)
        self.merging = merging(self)
        self.streams = streams(self.wheel, self.ledger, self.clock.now)
        self.resumption = resumption(self, fleet)
        self.caching: Caching | None = None
        self.tending = Tending(self)
        self.costing = costing(self)
        self.demand = Demand(self)
        self.watching = watching(self)
        self.waking = Waking(self)
        self.warm = WarmStart(self)
        self.dashboard = Dashboard(self)
        self.ids = Ids(number)

    async def __aenter__(self) -> Gateway:
        engines, now = self._engines or OwnEngines(self.crew), self.clock.now
        self.upstreams = Upstreams(self.wheel, Names(now), now, engines)
        self.routes = Routes(self.upstreams.shared, self.clock.now, self.clock.wall)
        for close in (self._close_store, self.upstreams.aclose, self.crew.aclose):
            self._stack.push_async_callback(close)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def open(self, config: Config) -> None:
        """Make the first generation and the server. Raises ConfigError, or KeyFileError."""
        self.store = await open_store(config, self.clock, os.environ)
        await self.warm.begin(config)
        self.caching = caching(self, config, self.store)
        self.jobbing = jobbing(self, config)
        if self.diary is not None:
            self.diary.begin(self.store)
        self.keys.open(config)
        self.keeping = Keeping(self, config)
        self._editions.append(edition := self._build(config))
        self.endpoint = Endpoint(edition.generation, self.ids, self.clock.now, self.clock.wall)
        connections = self.ledger.account("connections", UNBOUNDED)
        self.server = Server(self.endpoint, limits_of(config), self.wheel, self.clock.now, connections)
        self._follow(config)
        if self.caching is not None:
            self.caching.open()
        self.keeping.open()
        self.crew.spawn(self._turn_wheel(), "wheel")
        self.crew.supervise(self.upstreams.scraper)
        self.tending.open()
        if self.watching is not None:
            self.watching.open()

    async def _close_store(self) -> None:
        if self.diary is not None:
            self.diary.flush()
        if self.store is not None:
            await self.store.aclose()

    @property
    def edition(self) -> Edition:
        """What serves new calls."""
        return self._editions[-1]

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.edition.config

    def prepare(self, config: Config) -> None:
        """Make an edition of ``config`` and keep it ready. Raises ConfigError, and changes nothing that serves."""
        self.discard()
        try:
            self._prepared = self._build(config)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Forget what was prepared, and what was made for it."""
        self._prepared = None
        self._retire_unused()

    def adopt(self) -> None:
        """Serve new requests by what was prepared, if anything was; the old edition ends with its last exchange."""
        edition, self._prepared = self._prepared, None
        if edition is None:
            return
        old = self._editions[-1]
        self._editions.append(edition)
        self.endpoint.generation = edition.generation
        self.server.limits = limits_of(edition.config)
        self.reloads += 1
        self._follow(edition.config)
        old.generation.on_empty = partial(self._end, old)
        if not old.generation.in_flight:
            self._end(old)

    def _end(self, edition: Edition) -> None:
        """The last exchange of a replaced edition has ended."""
        edition.generation.on_empty = None
        self._editions.remove(edition)
        self._retire_unused()

    def _retire_unused(self) -> None:
        editions = [*self._editions, *([self._prepared] if self._prepared is not None else [])]
        for target in self.upstreams.drop_all_but(target for edition in editions for target in edition.targets):
            self.crew.spawn(target.provider.aclose(), f"upstream {target.name} ends")

    def _follow(self, config: Config) -> None:
        """What lives longer than an edition takes its settings from the newest."""
        newest = self._editions[-1]
        self.keeping.follow(config)
        self.upstreams.follow(config.of(RoutingConfig))
        self.watch.follow(config.of(RoutingConfig), newest.targets, newest.table.entries)
        open_to_sockets(config, self.endpoint, self.server, self.ledger)
        self.routes.follow(config)
        if self.admitting is not None:
            self.admitting.follow(config, newest.targets)
        lasting = (self.streams, self.diary, self.costing, self.resumption, self.caching, self.jobbing, self.merging)
        for part in (*lasting, self.observed, self.tending, self.watching, self.waking, self.warm):
            if part is not None:
                part.follow(config)

    def explain(self, question: dict[str, Any]) -> dict[str, Any]:
        """How a call would be routed, or how the last ones were. Raises CallerError."""
        return self.routes.answer(self.edition.table, self.config, question)

    def _build(self, config: Config) -> Edition:
        """An edition of ``config``, checked. Raises ConfigError."""
        self.keeping.check(config)
        routing = config.of(RoutingConfig)
        targets = self.upstreams.targets_of(routing)
        auth = self.keys.auth()
        table = self.routes.table(entries(routing, targets, self.upstreams), config)
        stages = make_stages(self, config, targets, table) | {"auth": auth}
        rooms = [room for room in ROOMS if room.name == "edge" or room.name in stages]
        check(rooms)
        path = [(room.name, stages[room.name]) for room in rooms if room.name in stages]
        seen = self.observed
        run = [stage for _, stage in path] if seen is None else seen.timing(path, config, self.clock.now)
        generation = generation_of(
            config,
            number=self.reloads + (2 if self._editions else 1),
            run=compose(run),
            inner=compose([stage for name, stage in path if name not in DOOR]),
            authorize=auth.admit,  # type: ignore[arg-type]
            local=[
                *local_paths(config, self.fleet, self.waits_for, int(self.clock.wall())),
                *self.dashboard.paths(config),
                *(part for part in (self.caching, self.jobbing, self.watching) if part is not None),
            ],
            more={} if self.resumption is None else self.resumption.prefixes(),
        )
        return Edition(config, generation, list(targets.values()), table)

    async def _turn_wheel(self) -> None:
        """Drives every deadline, the date, and the writing of what is written down."""
        turns = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.wheel.turn(self.clock.now())
            turns += 1
            if turns % 5 == 0:
                self.write_down()
            if turns % 20 == 0:
                self.endpoint.tick()

    def write_down(self) -> None:
        """Decisions, the access log and the journal: what is held of them."""
        self.routes.decisions.flush()
        for part in (self.observed, self.watching, self.diary):
            if part is not None:
                part.flush()

    def in_flight(self) -> int:
        """Calls that are being served, by whatever configuration."""
        return sum(edition.generation.in_flight for edition in self._editions)

    def waits_for(self) -> list[str]:
        """What must be there before calls are served well; empty when ready."""
        ends = self.endpoint.stopping and not self._draining.renewed
        return ["shutdown"] if ends else self.warm.awaited()

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values, for metrics and status."""
        return numbers(self)

    async def drain(self, seconds: float, *, renewed: bool = False) -> None:
        """Stop accepting, let running calls finish for ``seconds``, then end each with an error it can understand."""
        await self._draining.drain(seconds, renewed=renewed)

    def __repr__(self) -> str:
        return f"<Gateway {self.number} generation {self.endpoint.generation.number}>"

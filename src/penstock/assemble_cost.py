"""The composition root's part for the cost slice, which is optional: without it no call is priced."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config import Config
from penstock.core.errors import CallerError
from penstock.core.ports import Stage
from penstock.core.stored import Store
from penstock.edge.config import ListenConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.table import Entry, Table
from penstock.routing.upstream_config import UpstreamConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.assemble_watching import Watching
    from penstock.cost.pricing import Place, Pricing, Ways
    from penstock.cost.rent import Rent
    from penstock.cost.store import Book
    from penstock.cost.table import Table as PriceTable

PROVIDERS = {"anthropic": "anthropic", "gemini": "google", "bedrock": "aws", "azure": "azure"}
"""Kinds that are one provider's wherever they stand; for ``openai`` the address says whose it is."""
OWN = frozenset({"vllm", "sglang", "ollama", "llamacpp", "local", "echo"})
"""Kinds of which a token costs nothing unless a price is said."""
FLUSH_SECONDS = 1.0
ENTRIES_PER_SECOND = 100
"""A bucket of many entries is written less often: so many of them a second."""
LATE_SECONDS = 7200.0
HOURS_AT_ONCE = 20


class Costing:
    """The prices and the ledger of one worker. They survive reloads; where they are kept is settled at the start."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.cost.config import CostConfig
        from penstock.cost.spend import Tally

        self._gateway = gateway
        self._prices: PriceTable | None = None
        self._rents: dict[str, Rent] = {}
        self._store: Store | None = None
        self.book: Book | None = None
        self._pricing: Pricing | None = None
        self._built: tuple[Config, Pricing | None] | None = None
        self._begun = False
        self._written = 0.0
        self.tally = Tally(secrets.token_hex(6), CostConfig().groups)
        if gateway.observed is not None:
            gateway.observed.counters.append(self.tally.add)

    def stages(self, config: Config, table: Table) -> dict[str, Stage]:
        """The room for ``config``; none while it is switched off."""
        from penstock.cost.config import CostConfig
        from penstock.cost.pricing import Pricing, Rules
        from penstock.cost.rates import rates_of
        from penstock.cost.stage import Cost

        section = config.of(CostConfig)
        self._built = (config, None)
        if not section.enabled:
            return {}
        overrides = {name: rates_of(msgspec.structs.asdict(said)) for name, said in section.prices.items()}
        places = {name: place_of(upstream) for name, upstream in config.of(RoutingConfig).upstreams.items()}
        rules = Rules(overrides, places, section.unknown)
        entries = {entry.label: entry for one in table.entries for entry in (one, one.new) if entry is not None}
        pricing = Pricing(rules, self.prices, ways_of(table), alternatives_of(entries), self._gateway.clock.wall)
        self._built = (config, pricing)
        return {"cost": Cost(pricing, refuses=section.unknown == "refuse")}

    def follow(self, config: Config) -> None:
        """Count and rent as ``config`` says from now on."""
        from penstock.cost.config import CostConfig
        from penstock.cost.rent import Rent

        if self._built is not None and self._built[0] is config:
            self._pricing = self._built[1]
        section = config.of(CostConfig)
        self._begin()
        self.flush()
        self.tally.most = section.groups
        if self.book is not None:
            self.book.keep, self.book.most = section.keep, section.groups
        upstreams, now = config.of(RoutingConfig).upstreams, self._gateway.clock.now()
        share = config.of(ListenConfig).workers  # each worker sees a part of the calls, and bears a part of the price
        rents: dict[str, Rent] = {}
        for target in self._gateway.edition.targets:
            upstream = upstreams.get(target.name.partition("@")[0])
            second = upstream.price.second / share if upstream is not None and section.enabled else 0.0
            rent = self._rents.get(target.name)
            if rent is not None:
                rent.price(second, now)
            elif second:
                rent = Rent(second, now)
            if rent is not None:
                rents[target.name] = rent
            target.meter = rent
        for name, rent in self._rents.items():
            if name not in rents and not rent.calls:  # it is gone, but calls may still end there
                rent.price(0.0, now)
                rents[name] = rent
        self._rents = rents

    def _begin(self) -> None:
        """The first time: keep the ledger in the store; without one it is not kept."""
        from penstock.cost.service import Keeper
        from penstock.cost.store import Book

        store = self._gateway.store
        if self._begun:
            return
        self._begun = True
        fold = None
        if store is not None:
            self._store = store
            self.book = Book(store, self._gateway.clock.wall, 0.0)
            fold = self.book.fold if self._gateway.number == 0 else None
        self._gateway.crew.supervise(Keeper(self.write, self.flush, fold))

    def prices(self) -> PriceTable:
        """The table of prices, read when it is first needed."""
        from penstock.cost.table import Table as PriceTable

        if self._prices is None:
            self._prices = PriceTable(files("penstock.cost").joinpath("prices.json").read_bytes())
        return self._prices

    def per_token(self, model: str, upstream: str, upstream_model: str) -> tuple[float, float]:
        """Dollars for a token in and out, as far as is known."""
        from penstock.cost.rates import MICRO, SCALE

        if self._pricing is None:
            return 0.0, 0.0
        rates = self._pricing.tariff(model, upstream, upstream_model).rates
        return rates.input / SCALE / MICRO, rates.output / SCALE / MICRO

    # ---- the ledger

    def write(self) -> None:
        """Store what was counted, what is large less often."""
        changed = sum(len(bucket.entries) for bucket in self.tally.changed())
        if self._gateway.clock.now() - self._written >= changed / ENTRIES_PER_SECOND:
            self.flush()

    def flush(self) -> None:
        """Store what was counted."""
        self._hear()
        wall, now = self._gateway.clock.wall(), self._gateway.clock.now()
        self._written = now
        for name, rent in self._rents.items():
            if rested := rent.idle(now):
                self.tally.rest(name.partition("@")[0], rested, wall)
        if self.book is not None:
            for bucket in self.tally.changed():
                self.book.write(bucket)
        self.tally.forget(wall - LATE_SECONDS)

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows, as ``cost/answering.py`` tells them."""
        from penstock.cost.answering import FORECAST_DAYS, Gathering, QuestionError, as_csv, question_of

        now = self._gateway.clock.wall()
        if "do" in asked:
            return {"ok": False, "status": 404, "code": "not_found", "problems": ["nothing can be done here"]}
        try:
            question = question_of(asked, now)
        except QuestionError as error:
            return {"ok": False, "status": 400, "code": "bad_query", "param": error.name, "problems": [str(error)]}
        if self.book is None or self._store is None:
            return {"ok": False, "status": 404, "code": "not_found", "problems": ["there is no store to keep it in"]}
        self.flush()  # so that a call that has just ended is among them
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._store.flush()
        since = question.since - 3600.0
        if question.forecast:
            since = min(since, now - FORECAST_DAYS * 86_400.0)
        gathering = Gathering(question)
        for number, hour in enumerate(await self.book.read(since)):
            if number % HOURS_AT_ONCE == 0:
                await asyncio.sleep(0)  # calls go on meanwhile
            gathering.add(hour)
        told = gathering.told(now)
        told["prices"] = {"source": self.prices().source, "date": self.prices().date}
        if question.format == "csv":
            return {"text": as_csv(told), "type": "text/csv; charset=utf-8"}
        return told

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        self._hear()
        return self.tally.dump()

    def _hear(self) -> None:
        """Be given what has ended so far."""
        if self._gateway.observed is not None:
            self._gateway.observed.hand_on()


def place_of(upstream: UpstreamConfig) -> Place:
    """What its prices hang on."""
    from penstock.cost.pricing import Place
    from penstock.cost.rates import rates_of

    price = upstream.price
    return Place(
        rates_of(msgspec.structs.asdict(price)) if price.is_by_token else None,
        PROVIDERS.get(upstream.kind, ""),
        upstream.url if upstream.kind == "openai" else "",
        upstream.kind in OWN,
        bool(price.second),
    )


def ways_of(table: Table) -> Ways:
    """Where a call may go: the upstreams of its model, of a version on trial, of its fallbacks."""

    def ways(model: str) -> Sequence[tuple[str, str]]:
        try:
            entry = table.find(model)
            following = table.fallbacks(entry, model)
        except CallerError:
            return ()
        entries = [(entry, model), *([(entry.new, model)] if entry.new is not None else []), *following]
        return [(target.name, one.sent_as(asked)) for one, asked in entries for target in one.targets]

    return ways


def alternatives_of(entries: dict[str, Entry]) -> Any:
    """Who might have served a call that was served by an entry (by its label), asked for by a name."""

    def alternatives(label: str, asked: str) -> Sequence[tuple[str, str]]:
        entry = entries.get(label)
        if entry is None or len(entry.targets) < 2:
            return ()
        return [(target.name, entry.sent_as(asked)) for target in entry.targets]

    return alternatives


class Spending:
    """What is asked about spending over HTTP and the control socket is answered by the ledger."""

    def open(self) -> None:
        """Nothing is to be begun: the ledger was."""

    def follow(self, config: Config) -> None:
        """Nor followed."""


def spending(watching: Watching) -> Spending | None:
    """None if the slice is not installed."""
    costing = watching.gateway.costing
    if costing is None:
        return None
    watching.answers["cost"] = costing.answer
    return Spending()


def costing(gateway: Gateway) -> Costing | None:
    """A Costing if the slice is installed."""
    return Costing(gateway) if importlib.util.find_spec("penstock.cost") is not None else None

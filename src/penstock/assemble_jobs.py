"""The composition root's part for the jobs slice, which is optional: without it files and batches pass to upstreams."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.assemble_cache import pricing
from penstock.assemble_observation import noting
from penstock.assemble_store import store_kind, store_path
from penstock.auth.config import AuthConfig
from penstock.auth.store import default_path
from penstock.config import Config
from penstock.core.call import Call, Operation
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.core.money import spare
from penstock.core.ports import Stage
from penstock.core.settings import ConfigError
from penstock.edge.generation import LocalRoute
from penstock.routing.config import RoutingConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.jobs.asking.service import Inside
    from penstock.jobs.delegation.service import Partner
    from penstock.jobs.job import Job
    from penstock.jobs.record import Sums

FOLDER = "jobs"
PATH = "/admin/v1/jobs"
DOOR = frozenset({"edge", "auth", "jobs", "streaming", "resume"})
"""Rooms that a call of our own does not pass: its caller is known, and takes its answer whole."""


class Jobbing:
    """The batch jobs of one worker. They survive reloads; where they are kept is settled at the start."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        from penstock.jobs.answers.service import Answers
        from penstock.jobs.asking.service import Asking
        from penstock.jobs.config import JobsConfig
        from penstock.jobs.numbers import Numbers
        from penstock.jobs.place.store import Place
        from penstock.jobs.service import Jobs
        from penstock.jobs.store import Shelf
        from penstock.jobs.work.service import Desk

        self._gateway = gateway
        section = config.of(JobsConfig)
        clock = gateway.clock
        desk = Desk(
            Shelf(Place(jobs_directory(config, os.environ)), section.disk), section,
            Asking(self._inside, lambda: gateway.endpoint.next_id(), clock.now),
            gateway.ledger.account("jobs", section.memory), gateway.overload, Numbers(), clock.now, clock.wall,
            self._knows, self._may, lambda: gateway.endpoint.stopping, self._partner, self._bill,
        )  # fmt: skip
        self.jobs = Jobs(desk, gateway.crew)
        self._answers = Answers(self.jobs)
        self._begun = False

    def stage(self, config: Config) -> Stage | None:
        """The room for ``config``; None while it is switched off."""
        from penstock.jobs.config import JobsConfig
        from penstock.jobs.stage import JobsRoom

        section, upstreams = config.of(JobsConfig), config.of(RoutingConfig).upstreams
        for name in section.delegate.upstreams:
            if name not in upstreams or upstreams[name].kind != "openai":
                place = f"{config.source}: jobs.delegate.upstreams"
                raise ConfigError([f'{place}: "{name[:64]}" is no upstream of kind openai'])
        return JobsRoom(self._answers) if section.enabled else None

    def follow(self, config: Config) -> None:
        """Work as ``config`` says from now on; the first time, begin to look for jobs."""
        from penstock.jobs.config import JobsConfig

        if not self._begun:
            self._begun = True
            self._gateway.crew.supervise(self.jobs)
        section = self.jobs.desk.config = config.of(JobsConfig)
        self.jobs.desk.shelf.most = section.disk
        self._gateway.ledger.account("jobs", section.memory)
        self.jobs.wake()

    def _inside(self) -> Inside:
        from penstock.jobs.asking.service import Inside

        edition = self._gateway.edition
        routing = edition.config.of(RoutingConfig)
        generation = edition.generation
        assert generation.inner is not None
        return Inside(generation.inner, generation, routing.timeouts.total, pricing(routing))

    def _partner(self, job: Job) -> Partner | None:
        """Who has the job already, or could do it in its time for less than all who answer at once."""
        from penstock.jobs.delegation.lines import cheapest
        from penstock.jobs.delegation.service import Partner

        section = self.jobs.desk.config.delegate
        if job.anthropic or not job.model or not section.upstreams:
            return None
        try:
            entry = self._gateway.edition.table.find(job.model)
        except CallerError:
            return None
        costing = self._gateway.costing
        offers = {
            target.name: costing.per_token(entry.label, target.name, entry.sent_as(job.model))
            if costing is not None
            else target.prices
            for target in entry.targets
        }
        if job.delegated is not None:
            name: str | None = job.delegated.upstream
        elif job.expires - self._gateway.clock.wall() < section.window * 0.99:  # some of it has passed already
            return None
        else:
            name = cheapest(offers, section.upstreams, section.price)
        for target in entry.targets:
            if target.name == name:
                per_in, per_out = offers[name]
                price = (per_in * section.price, per_out * section.price)
                return Partner(name, target.provider, entry.sent_as(job.model), price, section.price)
        return None

    def _bill(self, job: Job, partner: Partner, done: Sums) -> None:
        """A provider has done lines of a job: one row says what that was, as of a call."""
        from penstock.jobs.asking.service import CLIENT, body_of

        gateway = self._gateway
        now = gateway.clock.now()
        call = Call(
            Operation("batch", "openai", "/batches", "opaque", needs_model=False),
            "POST",
            "/v1/batches",
            b"",
            [],
            CLIENT,
        )
        exchange = Exchange(f"{job.id}.{partner.name}", call, now, now, body_of(b""))
        exchange.key = exchange.scope = job.key
        exchange.model, exchange.answered_as = job.model, job.model
        exchange.upstream, exchange.upstream_model = partner.name, partner.model
        exchange.tokens_in, exchange.tokens_out = done.tokens_in, done.tokens_out
        exchange.tokens_cached, exchange.cost, exchange.status = done.tokens_cached, done.micro_dollars, 200
        if partner.share:
            spare(exchange, "batching", round(done.micro_dollars / partner.share) - done.micro_dollars)
        exchange.finish("ok", now)
        noting(gateway)(exchange)

    def _knows(self, model: str) -> bool:
        return self._gateway.config.of(RoutingConfig).entry(model) is not None

    def _may(self, key: str) -> bool:
        ring = self._gateway.ring
        return ring is None or ring.has(key)

    def routes(self) -> dict[str, LocalRoute]:
        """By exact path."""
        from penstock.jobs.admin.service import Admin

        return {PATH: LocalRoute(Admin(self.jobs).all)}

    def prefixes(self) -> dict[str, LocalRoute]:
        """None."""
        return {}

    def dump(self) -> dict[str, Any]:
        """This worker's numbers as plain values."""
        return self.jobs.dump()


def jobbing(gateway: Gateway, config: Config) -> Jobbing | None:
    """A Jobbing if the slice is installed."""
    return Jobbing(gateway, config) if importlib.util.find_spec("penstock.jobs") is not None else None


def jobs_directory(config: Config, environ: Mapping[str, str]) -> str:
    """Where files and jobs are: where the config says, else beside the store's file, else beside the key file."""
    from penstock.jobs.config import JobsConfig

    named = config.of(JobsConfig).directory
    if named is not None:
        return named
    if store_kind(config) == "sqlite":
        beside = store_path(config, environ)
    else:
        beside = config.of(AuthConfig).key_file or default_path(environ)
    return os.path.join(os.path.dirname(os.path.abspath(beside)), FOLDER)

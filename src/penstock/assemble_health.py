"""The composition root's part for health: the rules, the probes and the comparison of upstreams, as configured.

A prober is known by its Target: it survives reloads that leave the upstream as it is, and ends when the newest
configuration has its upstream no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock.core.tasks import Crew
from penstock.providers.http import HttpProvider
from penstock.routing.config import RoutingConfig
from penstock.routing.health import HealthRules
from penstock.routing.live import family
from penstock.routing.probes import question
from penstock.routing.service import Comparing, Pace, Prober
from penstock.routing.table import Entry
from penstock.routing.targets import Target


class Watch:
    """The loops of one worker that see whether its upstreams are well. ``entries`` are those of the newest edition."""

    def __init__(self, crew: Crew, now: Callable[[], float]) -> None:
        self._crew = crew
        self._now = now
        self._probers: dict[Target, Prober] = {}
        self._compares = False
        self.entries: Sequence[Entry] = ()

    def follow(self, routing: RoutingConfig, targets: Iterable[Target], entries: Sequence[Entry]) -> None:
        """Watch ``targets``, and none else."""
        self.entries = entries
        wanted = {target: prober for target in targets if (prober := self._prober(routing, target)) is not None}
        for target, prober in self._probers.items():
            if wanted.get(target) is not prober:
                prober.stop()
        for target, prober in wanted.items():
            if self._probers.get(target) is not prober:
                self._crew.supervise(prober)
        self._probers = wanted
        if routing.health.outlier and not self._compares:
            self._compares = True
            self._crew.supervise(Comparing(lambda: self.entries, self._now))

    def _prober(self, routing: RoutingConfig, target: Target) -> Prober | None:
        config = routing.upstreams[target.name]
        way = config.health.of(config.kind) if routing.health.probes == "on" else "off"
        if way == "off" or not isinstance(target.provider, HttpProvider):
            return None
        dialect = "anthropic" if config.kind == "anthropic" else "openai"
        asked = question(way, config.health.path, dialect, routing.probe_model(family(target.name)))
        known = self._probers.get(target)
        if known is not None and known.question == asked:
            return known
        pace = Pace(config.health.interval, config.health.timeout, config.health.bad)
        return Prober(target, asked, target.provider.probe, pace, self._now)

    def dump(self, targets: Iterable[Target]) -> dict[str, Any]:
        """As plain values: how each of ``targets`` is; by model, the retries that may be made now, those refused."""
        now = self._now()
        budgets = {entry.pattern: [entry.budget.left(now), entry.budget.refused] for entry in self.entries}
        return {"upstreams": health_of(targets, now), "retries": budgets}

    def __repr__(self) -> str:
        return f"<Watch over {len(self._probers)} upstreams>"


def take_rules(rules: HealthRules, routing: RoutingConfig) -> None:
    """Let ``rules`` say what ``routing`` does; every upstream of the worker goes by them."""
    health = routing.health
    breaker = rules.breaker
    breaker.failures, breaker.rate, breaker.least = health.breaker.failures, health.breaker.rate, health.breaker.least
    breaker.window, breaker.open, breaker.longest = health.breaker.window, health.breaker.open, health.breaker.longest
    rules.slow_start, rules.panic, rules.outlier = health.slow_start, health.panic, health.outlier


def health_of(targets: Iterable[Target], now: float) -> dict[str, dict[str, Any]]:
    """By name, as plain values: how each upstream is. Of one that is being replaced the newest is shown."""
    return {
        target.name: {
            "state": target.word(now),
            "back_in": round(max(0.0, target.back(now) - now), 3),
            "share": target.health.share(now),
            "ejections": target.health.ejections,
            "probes": dict(target.health.probes),
            "keys": target.keys.count,
            "keys_at_rest": target.keys.at_rest(now),
        }
        for target in targets
    }

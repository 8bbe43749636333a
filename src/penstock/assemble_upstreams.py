"""The composition root's other half: upstreams made out of their configuration, one Target each.

A Target is known by its name and the fingerprint of its settings (but for those that can change in place), and
survives reloads that change neither. Fails with ConfigError for a certificate file that does not fit or a kind that is
not offered.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.assemble_engines import EMBEDDINGS, Engines, engine_key
from penstock.assemble_health import take_rules
from penstock.assemble_live import adjust, prices, rows, target_key
from penstock.core.deadlines import Wheel
from penstock.core.ports import Provider
from penstock.core.printing import fingerprint
from penstock.core.settings import ConfigError
from penstock.net.client import Origin
from penstock.net.names import Names
from penstock.net.reach import Patience, Reach
from penstock.net.tls import ClientContexts
from penstock.net.tunnel import proxy_key
from penstock.providers.http import HttpProvider
from penstock.providers.kinds import HTTP_KINDS, speech
from penstock.routing.budget import RetryBudget
from penstock.routing.config import ModelConfig, RoutingConfig, TimeoutsConfig
from penstock.routing.discovery.instances import parse_address
from penstock.routing.health import HealthRules
from penstock.routing.learned import learned
from penstock.routing.load import Peers
from penstock.routing.scraping.service import Scraper, Watched
from penstock.routing.sizes import Sizes
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Changes, Target
from penstock.routing.trial import Rules, Trial, Verdict
from penstock.routing.upstream_config import UpstreamConfig

ENGINE_IDLE_SECONDS = 4.0
"""The embedded server closes connections that are idle for 5 s; ours must be the first to go."""


@dataclass(slots=True, eq=False)
class Upstream:
    """A target, and what it stands on. Of those ``made`` some may be over: an embedded engine has an origin a replica,
    and a new one when that was restarted. ``metrics``: where its metrics page is, "" for nowhere."""

    target: Target
    made: list[Origin]
    engine: str = ""
    metrics: str = ""

    @property
    def origins(self) -> list[Origin]:
        """Its pools of connections that are not over."""
        return [origin for origin in self.made if not origin.is_over]


class Upstreams:
    """The targets of one worker."""

    def __init__(self, wheel: Wheel, names: Names, now: Callable[[], float], engines: Engines) -> None:
        self._wheel = wheel
        self._names = names
        self._now = now
        self._engines = engines
        self._known: dict[tuple[str, str], Upstream] = {}
        self._peers = Peers()
        self._changes = Changes()
        self._rules = HealthRules()
        self._budgets: dict[str, RetryBudget] = {}
        self.shared = Shared()
        self.trials: dict[str, tuple[ModelConfig, Trial]] = {}
        self._sizes: dict[str, Sizes] = {}
        self._contexts = ClientContexts()
        self.scraper = Scraper(self.watched, now)

    def targets_of(self, routing: RoutingConfig) -> dict[str, Target]:
        """The targets that serve for ``routing``, by name. Raises ConfigError."""
        return {
            name: self.target(name, upstream, routing.timeouts)
            for name, upstream in routing.upstreams.items()
            if upstream.discover is None
        }

    def target(self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig) -> Target:
        """The target of ``name`` with these very settings, made at first use. Raises ConfigError."""
        key = target_key(name, config, timeouts)
        known = self._known.get(key)
        if known is None:
            origins: list[Origin] = []
            try:
                provider = self._provider(name, config, timeouts, origins)
            except ModuleNotFoundError as error:
                raise ConfigError([f"upstream '{name}': kind {config.kind} is not installed ({error})"]) from None
            except (OSError, ssl.SSLError) as error:
                raise ConfigError([f"upstream '{name}': its certificate files cannot be used: {error}"]) from None
            engine = engine_key(name, config) if config.kind == "local" else ""
            target = self._target(name, config, provider)
            known = self._known[key] = Upstream(target, origins, engine, config.metrics_path)
        return known.target

    def _target(self, name: str, config: UpstreamConfig, provider: Provider) -> Target:
        return Target(
            name, provider, config.weight, config.kind,
            region=config.region or "",
            capacity=config.capacity,
            prices=prices(config),
            peers=self._peers, prefixes=self.shared.prefixes, changes=self._changes, rules=self._rules,
            keys=max(1, len(config.keys)), scrub=provider.scrub if isinstance(provider, HttpProvider) else bytes,
        )  # fmt: skip

    def version(self) -> int:
        """Another number whenever it may have changed who can serve."""
        return self._changes.count

    def sizes(self, pattern: str) -> Sizes:
        """What was learned of a model's calls; it outlives reloads."""
        return self._sizes.setdefault(pattern, Sizes())

    def trial(self, pattern: str, model: ModelConfig) -> Trial:
        """The trial of a model's new version; the same one, with what was measured, while the model stays as it is."""
        canary = model.canary
        assert canary is not None
        known = self.trials.get(pattern)
        if known is None or known[0] != model:
            rules = Rules(canary.errors, canary.slower, canary.dislikes, canary.least_calls, canary.promote)
            known = self.trials[pattern] = (model, Trial(canary.share, rules, self.shared.uniform))
        return known[1]

    def dump_trials(self) -> dict[str, dict[str, Any]]:
        """The versions on trial, by the model's name, as plain values."""
        return {pattern: {"id": fingerprint(model), **trial.dump()} for pattern, (model, trial) in self.trials.items()}

    def decide(self, pattern: str, id: str, verdict: Verdict, reason: str) -> None:
        """Take over a verdict, if it is about what is on trial now."""
        known = self.trials.get(pattern)
        if known is not None and fingerprint(known[0]) == id:
            known[1].decide(verdict, reason)

    def follow(self, routing: RoutingConfig) -> None:
        """What lives longer than an edition takes its settings from here."""
        self.trials = {name: known for name, known in self.trials.items() if routing.models.get(name) == known[0]}
        self._sizes = {
            name: sizes for name, sizes in self._sizes.items() if name.removesuffix("@canary") in routing.models
        }
        for name, upstream in routing.upstreams.items():
            known = self._known.get(target_key(name, upstream, routing.timeouts))
            if known is not None:
                adjust(known.target, upstream)
        take_rules(self._rules, routing)
        self._changes.count += 1
        self._budgets = {pattern: budget for pattern, budget in self._budgets.items() if pattern in routing.models}
        for budget in self._budgets.values():
            budget.share = routing.retries.budget
        self.scraper.terms = routing.scrape
        affinity, shared = routing.affinity, self.shared
        shared.slack = affinity.slack
        shared.max_load = affinity.max_load if affinity.enabled else 0.0
        shared.prefixes.bound = affinity.blocks
        shared.sessions.ttl = affinity.ttl
        shared.sessions.bound = affinity.sessions
        shared.scores = routing.instance_score

    def _provider(self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig, origins: list[Origin]) -> Provider:
        patience = Patience(timeouts.connect, timeouts.first_token, timeouts.idle)
        if config.kind == "echo":
            from penstock.providers.echo import Echo

            return Echo(self._now, tokens_per_second=config.tokens_per_second)
        if config.kind == "local":
            return self._local(name, config, patience, origins)
        if config.kind not in HTTP_KINDS:
            raise ConfigError([f"upstream '{name}': kind {config.kind} is not offered by this version"])
        return self._http(name, config, config.url, config.keys, patience, origins)

    def _http(
        self,
        name: str,
        config: UpstreamConfig,
        url: str,
        keys: Sequence[str],
        patience: Patience,
        origins: list[Origin],
    ) -> HttpProvider:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        proxy = urlsplit(config.proxy) if config.proxy else None
        if proxy is not None and proxy.scheme != "http":
            raise ConfigError([f"upstream '{name}': a proxy that is itself reached over TLS is not offered"])
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        name_there = host
        if config.address is not None:
            host, port = parse_address(config.address)
        reach = Reach(
            host=host,
            port=port,
            name=name_there,
            tls=self._contexts.get(config.ca_file, config.client_cert, verify=config.verify) if secure else None,
            proxy=(proxy.hostname or "", proxy.port or 8080) if proxy else None,
            proxy_key=proxy_key(config.proxy) if config.proxy else b"",
            max_connections=config.max_connections,
            queue=config.queue,
            max_idle=config.max_idle,
            max_age=config.max_age,
        )
        origin = Origin(name, reach, wheel=self._wheel, names=self._names, now=self._now)
        origins[:] = [*(one for one in origins if not one.is_over), origin]
        said = speech(config.kind, url, keys[0] if keys else None, dict(config.headers), keys[1:])
        return HttpProvider(origin, said, patience, self._now)

    def _local(self, name: str, config: UpstreamConfig, patience: Patience, origins: list[Origin]) -> Provider:
        from penstock.providers.local.engine import MAX_CONNECTIONS
        from penstock.providers.local.provider import Local

        plain = msgspec.structs.replace(
            config,
            kind="llamacpp",
            headers={},
            max_connections=min(config.max_connections, MAX_CONNECTIONS),
            max_idle=ENGINE_IDLE_SECONDS,
        )

        def make(base_url: str, api_key: str) -> HttpProvider:
            return self._http(name, plain, base_url, [api_key], patience, origins)

        engines = self._engines
        return Local(engines.engine(name, config), make, self._now, embedder=engines.embedder(name, config))

    def drop_all_but(self, kept: Iterable[Target]) -> list[Target]:
        """Forget the targets that no edition uses any more. Returns them, for their providers to be closed."""
        kept_ids = {id(target) for target in kept}
        leaving = {key: known for key, known in self._known.items() if id(known.target) not in kept_ids}
        for key, known in leaving.items():
            del self._known[key]
            self.shared.prefixes.part(known.target.slot)
        return [known.target for known in leaving.values()]

    async def aclose(self) -> None:
        """Let go of everything."""
        for target in self.drop_all_but(()):
            await target.provider.aclose()

    @property
    def targets(self) -> list[Target]:
        """All targets now known."""
        return [known.target for known in self._known.values()]

    def watched(self) -> list[Watched]:
        """The targets that have a metrics page."""
        return [
            Watched(known.target, known.metrics, known.target.provider.probe)  # type: ignore[attr-defined]
            for known in self._known.values()
            if known.metrics
        ]

    def engines(self) -> list[str]:
        """The keys of the embedded engines that are in use here."""
        keys = [known.engine for known in self._known.values() if known.engine]
        return [*keys, *(key + EMBEDDINGS for key in keys)]

    def budget(self, pattern: str) -> RetryBudget:
        """The retry budget of the model ``pattern``; it survives reloads."""
        return self._budgets.setdefault(pattern, RetryBudget())

    def numbers(self) -> dict[str, list[int]]:
        """By name: calls in flight, calls served, connections open. A replaced upstream counts until its last call."""
        numbers: dict[str, list[int]] = {}
        for known in self._known.values():
            target = known.target
            row = numbers.setdefault(target.name, [0, 0, 0])
            row[0] += target.in_flight
            row[1] += target.served
            row[2] += sum(origin.open for origin in known.origins)
        return numbers

    def origins(self) -> list[Origin]:
        """The pools of connections of all targets."""
        return [origin for known in self._known.values() for origin in known.origins]

    def rows(self) -> dict[str, dict[str, Any]]:
        """By name, what this worker knows of its targets for the list of upstreams."""
        return rows([(known.target, known.origins) for known in self._known.values()], self.shared.sessions.counts())

    def learned(self) -> dict[str, Any]:
        """What routing knows of the upstreams, by name, and what came of their metrics pages; as plain values."""
        return learned(self.targets, self.shared, self._now()) | {
            "scrapes": [[name, result, number] for (name, result), number in self.scraper.results.items()]
        }

    def __repr__(self) -> str:
        return f"<Upstreams {len(self._known)} targets>"

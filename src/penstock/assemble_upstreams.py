"""The composition root's other half: upstreams made out of their configuration, one Target each.

A Target is known by its name and the fingerprint of its settings, and survives reloads that change neither. Fails
with ConfigError for a certificate file that does not fit or a kind that is not offered.
"""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from penstock.assemble_engines import Engines, engine_key
from penstock.core.deadlines import Wheel
from penstock.core.ports import Provider
from penstock.core.printing import fingerprint
from penstock.core.settings import ConfigError
from penstock.net.client import Origin, Patience, Reach
from penstock.net.names import Names
from penstock.net.tls import client_context
from penstock.net.tunnel import proxy_key
from penstock.providers.http import HttpProvider
from penstock.providers.kinds import HTTP_KINDS, speech
from penstock.routing.config import RoutingConfig, TimeoutsConfig, UpstreamConfig
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target

ENGINE_IDLE_SECONDS = 4.0
"""The embedded server closes connections that are idle for 5 s; ours must be the first to go."""


@dataclass(slots=True, eq=False)
class Upstream:
    """A target, and what it stands on. Origins end with their providers: an embedded engine has one a replica."""

    target: Target
    origins: weakref.WeakSet[Origin]
    engine: str = ""


class Upstreams:
    """The targets of one worker."""

    def __init__(self, wheel: Wheel, names: Names, now: Callable[[], float], engines: Engines) -> None:
        self._wheel = wheel
        self._names = names
        self._now = now
        self._engines = engines
        self._known: dict[tuple[str, str], Upstream] = {}

    def target(self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig) -> Target:
        """The target of ``name`` with these very settings, made at first use. Raises ConfigError."""
        key = (name, fingerprint(config) + fingerprint(timeouts))
        known = self._known.get(key)
        if known is None:
            origins: weakref.WeakSet[Origin] = weakref.WeakSet()
            try:
                provider = self._provider(name, config, timeouts, origins)
            except ModuleNotFoundError as error:
                raise ConfigError([f"upstream '{name}': kind {config.kind} is not installed ({error})"]) from None
            except (OSError, ssl.SSLError) as error:
                raise ConfigError([f"upstream '{name}': its certificate files cannot be used: {error}"]) from None
            engine = engine_key(name, config) if config.kind == "local" else ""
            known = self._known[key] = Upstream(Target(name, provider, config.weight, config.kind), origins, engine)
        return known.target

    def _provider(
        self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig, origins: weakref.WeakSet[Origin]
    ) -> Provider:
        patience = Patience(timeouts.connect, timeouts.first_token, timeouts.idle)
        if config.kind == "echo":
            from penstock.providers.echo import Echo

            return Echo(self._now, tokens_per_second=config.tokens_per_second)
        if config.kind == "local":
            return self._local(name, config, patience, origins)
        if config.kind not in HTTP_KINDS:
            raise ConfigError([f"upstream '{name}': kind {config.kind} is not offered by this version"])
        return self._http(name, config, config.url, config.api_key, patience, origins)

    def _http(
        self,
        name: str,
        config: UpstreamConfig,
        url: str,
        api_key: str | None,
        patience: Patience,
        origins: weakref.WeakSet[Origin],
    ) -> HttpProvider:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        proxy = urlsplit(config.proxy) if config.proxy else None
        if proxy is not None and proxy.scheme != "http":
            raise ConfigError([f"upstream '{name}': a proxy that is itself reached over TLS is not offered"])
        reach = Reach(
            host=parts.hostname or "",
            port=parts.port or (443 if secure else 80),
            tls=client_context(config.ca_file, config.client_cert, verify=config.verify) if secure else None,
            proxy=(proxy.hostname or "", proxy.port or 8080) if proxy else None,
            proxy_key=proxy_key(config.proxy) if config.proxy else b"",
            max_connections=config.max_connections,
            queue=config.queue,
            max_idle=config.max_idle,
            max_age=config.max_age,
        )
        origin = Origin(name, reach, wheel=self._wheel, names=self._names, now=self._now)
        origins.add(origin)
        return HttpProvider(origin, speech(config.kind, url, api_key, dict(config.headers)), patience, self._now)

    def _local(
        self, name: str, config: UpstreamConfig, patience: Patience, origins: weakref.WeakSet[Origin]
    ) -> Provider:
        from penstock.providers.local.engine import MAX_CONNECTIONS
        from penstock.providers.local.provider import Local

        plain = msgspec.structs.replace(
            config,
            kind="llamacpp",
            headers={},
            max_connections=min(config.max_connections, MAX_CONNECTIONS),
            max_idle=ENGINE_IDLE_SECONDS,
        )

        def make(base_url: str, api_key: str) -> Provider:
            return self._http(name, plain, base_url, api_key, patience, origins)

        return Local(self._engines.engine(name, config), make, self._now)

    def drop_all_but(self, kept: Iterable[Target]) -> list[Target]:
        """Forget the targets that no edition uses any more. Returns them, for their providers to be closed."""
        kept_ids = {id(target) for target in kept}
        leaving = {key: known for key, known in self._known.items() if id(known.target) not in kept_ids}
        for key in leaving:
            del self._known[key]
        return [known.target for known in leaving.values()]

    async def aclose(self) -> None:
        """Let go of everything."""
        for target in self.drop_all_but(()):
            await target.provider.aclose()

    @property
    def targets(self) -> list[Target]:
        """All targets now known."""
        return [known.target for known in self._known.values()]

    def engines(self) -> list[str]:
        """The keys of the embedded engines that are in use here."""
        return [known.engine for known in self._known.values() if known.engine]

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

    def __repr__(self) -> str:
        return f"<Upstreams {len(self._known)} targets>"


def entries(routing: RoutingConfig, targets: Mapping[str, Target]) -> list[Entry]:
    """What callers may ask for, each with the targets behind it."""
    return [
        Entry(
            pattern,
            [targets[at] for at in model.upstreams],
            make_strategy(model.strategy),
            model.upstream_model,
            model.max_tokens,
            model.fallbacks,
        )
        for pattern, model in routing.models.items()
    ]

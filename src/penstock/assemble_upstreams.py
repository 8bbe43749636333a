"""The composition root's other half: upstreams made out of their configuration, one Target each.

A Target is known by its name and the fingerprint of its settings, and survives reloads that change neither. Fails
with ConfigError for a certificate file that does not fit or a kind that is not offered.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import msgspec

from penstock.assemble_engines import Engines
from penstock.core.deadlines import Wheel
from penstock.core.ports import Provider
from penstock.core.printing import fingerprint
from penstock.core.settings import ConfigError
from penstock.net.client import Origin, Patience, Reach
from penstock.net.names import Names
from penstock.net.tls import client_context
from penstock.providers.http import HttpProvider
from penstock.providers.kinds import HTTP_KINDS, speech
from penstock.routing.config import TimeoutsConfig, UpstreamConfig
from penstock.routing.targets import Target

ENGINE_IDLE_SECONDS = 4.0
"""The embedded server closes connections that are idle for 5 s; ours must be the first to go."""


class Upstreams:
    """The targets of one worker."""

    def __init__(self, wheel: Wheel, names: Names, now: Callable[[], float], engines: Engines) -> None:
        self._wheel = wheel
        self._names = names
        self._now = now
        self._engines = engines
        self._known: dict[tuple[str, str], Target] = {}
        self.origins: dict[str, Origin] = {}

    def target(self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig) -> Target:
        """The target of ``name`` with these very settings, made at first use. Raises ConfigError."""
        key = (name, fingerprint(config) + fingerprint(timeouts))
        target = self._known.get(key)
        if target is None:
            try:
                provider = self._provider(name, config, timeouts)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError([f"upstream '{name}': its certificate files cannot be used: {error}"]) from None
            target = self._known[key] = Target(name, provider, config.weight)
        return target

    def _provider(self, name: str, config: UpstreamConfig, timeouts: TimeoutsConfig) -> Provider:
        patience = Patience(timeouts.connect, timeouts.first_token, timeouts.idle)
        if config.kind == "echo":
            from penstock.providers.echo import Echo

            return Echo(self._now, tokens_per_second=config.tokens_per_second)
        if config.kind == "local":
            return self._local(name, config, patience)
        if config.kind not in HTTP_KINDS:
            raise ConfigError([f"upstream '{name}': kind {config.kind} is not offered by this version"])
        return self._http(name, config, config.url, config.api_key, patience)

    def _http(
        self, name: str, config: UpstreamConfig, url: str, api_key: str | None, patience: Patience
    ) -> HttpProvider:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        proxy = urlsplit(config.proxy) if config.proxy else None
        reach = Reach(
            host=parts.hostname or "",
            port=parts.port or (443 if secure else 80),
            tls=client_context(config.ca_file, config.client_cert, verify=config.verify) if secure else None,
            proxy=(proxy.hostname or "", proxy.port or 8080) if proxy else None,
            max_connections=config.max_connections,
            queue=config.queue,
            max_idle=config.max_idle,
            max_age=config.max_age,
        )
        origin = Origin(name, reach, wheel=self._wheel, names=self._names, now=self._now)
        self.origins[name] = origin
        return HttpProvider(origin, speech(config.kind, url, api_key, dict(config.headers)), patience, self._now)

    def _local(self, name: str, config: UpstreamConfig, patience: Patience) -> Provider:
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
            return self._http(name, plain, base_url, api_key, patience)

        return Local(self._engines.engine(name, config), make, self._now)

    async def retire_all_but(self, kept: Iterable[Target]) -> None:
        """Let go of targets that no generation uses any more."""
        kept_ids = {id(target) for target in kept}
        for key, target in list(self._known.items()):
            if id(target) not in kept_ids:
                del self._known[key]
                await target.provider.aclose()

    async def aclose(self) -> None:
        """Let go of everything."""
        await self.retire_all_but(())

    @property
    def targets(self) -> list[Target]:
        """All targets now known."""
        return list(self._known.values())

    def numbers(self) -> dict[str, list[int]]:
        """By name: calls in flight, calls served, connections open."""
        numbers = {}
        for target in self._known.values():
            origin = self.origins.get(target.name)
            numbers[target.name] = [target.in_flight, target.served, 0 if origin is None else origin.open]
        return numbers

    def __repr__(self) -> str:
        return f"<Upstreams {len(self._known)} targets>"

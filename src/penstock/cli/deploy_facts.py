"""What of a config matters to those who run it elsewhere, for all kinds of ``penstock deploy`` but nginx.

Enters: the path of a config file and where things lie there. Leaves: Facts. Secrets are not needed: a variable that is
not set here has a stand-in while the file is read, and nothing of what variables hold is kept but hosts and ports.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.auth.config import AuthConfig
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import config_path
from penstock.config import Config, ConfigError, StoreConfig, known_sections
from penstock.core.document import LARGEST_TEXT
from penstock.core.interpolation import references
from penstock.deploy.carried import Ground, Place, Value, carry
from penstock.deploy.facts import ANYWHERE, Facts, Pool, Reach, places
from penstock.edge.config import ListenConfig
from penstock.memory.config import MemoryConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import parse_address
from penstock.routing.upstream_config import UpstreamConfig

STAND_IN = "stand-in"
LEAST_PORT = 1024
"""Below it a port is not everybody's."""
USUAL_PORT = 8400


@dataclass(frozen=True, slots=True)
class There:
    """Where things lie where it will run. ``tls``: folder of ``tls.crt`` and ``tls.key``; ``jobs``: folder of batch
    jobs, None where there is none that all gateways share. ``trusted``: networks of proxies before it."""

    ground: Ground
    keys: str
    tls: str
    store: str
    jobs: str | None
    redis: str = ""
    trusted: tuple[str, ...] = ()
    any_host: bool = True


class _StandIns(Mapping[str, str]):
    """The environment, in which no variable is missing."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name, STAND_IN)

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def read(given: str | None) -> tuple[str, Config]:
    """The text of the config file, and what it says. Raises Failure."""
    path = config_path(given)
    if path is None:
        raise Failure("which config? name it with --config FILE: it is what will run there", WRONG_CONFIG)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(LARGEST_TEXT + 1)
        return text, Config.parse(text, path, _StandIns())
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror or error}", WRONG_CONFIG) from None
    except UnicodeDecodeError:
        raise Failure(f"{path}: is not UTF-8 text", WRONG_CONFIG) from None
    except ConfigError as error:
        unset = sorted({one.name for one in references(text) if one.name and one.name not in os.environ})
        hint = [f"(not set here, so something else stood for them: {', '.join(unset)})"] if unset else []
        raise Failure("\n".join([*error.problems, *hint]), WRONG_CONFIG) from None


def facts(text: str, config: Config, there: There, open_door: bool = False) -> Facts:
    """What matters. Raises Failure for what cannot run elsewhere: an ``open_door`` only on a machine of its own."""
    listen, routing = config.of(ListenConfig), config.of(RoutingConfig)
    if config.of(AuthConfig).mode == "open" and not open_door:
        raise Failure("auth.mode open lets anybody who reaches it spend your money: set it to keys", WRONG_CONFIG)
    store = there.redis or str(config.of(StoreConfig).store)
    kind = "redis" if store.startswith("redis") else "sqlite" if store.startswith("sqlite") else "memory"
    return Facts(
        carried=carry(text, known_sections(), _values(config, there, kind), there.ground),
        port=_port(listen),
        tls=listen.tls is not None,
        workers=listen.workers,
        drain=listen.drain,
        memory=config.of(MemoryConfig).limit,
        store="redis" if kind == "redis" else "sqlite" if kind == "sqlite" else "memory",
        jobs=_jobs(config),
        reaches=tuple(sorted({*_reaches(routing), *places(config.dump(masked=False)), *places(there.redis)})),
        watched=tuple(dict.fromkeys(_watched(routing))),
        pools=tuple(_pools(config)),
        extras=frozenset(_extras(config, kind)),
        keda=_keda(config),
    )


def _port(listen: ListenConfig) -> int:
    return listen.port if listen.port >= LEAST_PORT else USUAL_PORT


def section_of(config: Config, slice: str, struct: str) -> Any:
    """A section of a slice that need not be installed; None without it."""
    if importlib.util.find_spec(f"penstock.{slice}") is None:
        return None
    return config.of(getattr(importlib.import_module(f"penstock.{slice}.config"), struct))


def _jobs(config: Config) -> bool:
    section = section_of(config, "jobs", "JobsConfig")
    return section is not None and bool(section.enabled)


def _values(config: Config, there: There, store: str) -> dict[Place, Value]:
    """What must be otherwise there."""
    listen = config.of(ListenConfig)
    values: dict[Place, Value] = {("auth", "key_file"): there.keys}
    if there.any_host:
        values[("listen", "host")] = "::" if listen.host == "::" else "0.0.0.0"
        values[("listen", "port")] = _port(listen)
    if listen.tls is not None:
        values[("listen", "tls", "cert")] = f"{there.tls}/tls.crt"
        values[("listen", "tls", "key")] = f"{there.tls}/tls.key"
    if there.trusted:
        values[("listen", "trusted_proxies")] = list(dict.fromkeys([*listen.trusted_proxies, *there.trusted]))
    if there.redis:
        values[("store",)] = there.redis
    elif store == "sqlite":
        values[("store",)] = f"sqlite:{there.store}"
    if _jobs(config):
        values[("jobs", "enabled" if there.jobs is None else "directory")] = there.jobs or False
    observe = section_of(config, "observe", "ObserveConfig")
    if observe is not None and observe.log_file is not None:
        values[("observe", "log_file")] = None  # what runs it gathers what it says
    return values


def _reaches(routing: RoutingConfig) -> Iterator[Reach]:
    """Where upstreams are that no URL of the config tells."""
    for upstream in routing.upstreams.values():
        yield from places(upstream.url)
        yield from _found(upstream)
        if upstream.kind == "bedrock" and not upstream.base_url:
            yield Reach(f"bedrock-runtime.{upstream.region}.amazonaws.com", 443)
        if upstream.address is not None:
            yield Reach(*parse_address(upstream.address))


def _found(upstream: UpstreamConfig) -> Iterator[Reach]:
    """Where discovery may lead."""
    discover = upstream.discover
    if discover is None or discover.kubernetes is not None:
        return
    if discover.dns is not None:
        yield Reach(discover.dns, 0 if discover.srv else discover.port or 0)
    elif discover.file is not None:
        yield Reach(ANYWHERE, 0)
    if discover.server is not None:
        yield Reach(*parse_address(discover.server))


def _watched(routing: RoutingConfig) -> Iterator[str | None]:
    for upstream in routing.upstreams.values():
        if upstream.discover is not None and upstream.discover.kubernetes is not None:
            yield upstream.discover.kubernetes.namespace


def _keda(config: Config) -> int:
    """The port that others reach without TLS. With it KEDA asks over HTTP instead: its keys are at hand there."""
    section = section_of(config, "scaling", "ScalingConfig")
    keda = None if section is None else section.keda
    return int(keda.listen.rpartition(":")[2]) if keda is not None and keda.tls is None and not keda.is_local else 0


def _pools(config: Config) -> Iterator[Pool]:
    section = section_of(config, "scaling", "ScalingConfig")
    for name, pool in ({} if section is None else section.pools).items():
        which, at = pool.actuator
        if which == "kubernetes":
            api, resource = at.home
            group = api.rpartition("/")[0]
            sized = pool.vertical.on
            yield Pool(name, pool.min, pool.max, which, at.namespace, at.name, group, resource, sized, at.marks)
        else:
            command = at.command if which == "local" else ()
            yield Pool(name, pool.min, pool.max, which, program=command[0] if command else "")


def _extras(config: Config, store: str) -> Iterator[str]:
    cache = section_of(config, "cache", "CacheConfig")
    if store == "redis":
        yield "redis"
    if cache is not None and cache.semantic.enabled:
        yield "semantic"
    if cache is not None and cache.encryption_key is not None:
        yield "encryption"
    if any(upstream.kind == "local" for upstream in config.of(RoutingConfig).upstreams.values()):
        yield "local"
    if list(_pools(config)):
        yield "forecast"
    if any(pool.actuator == "aws" for pool in _pools(config)):
        yield "aws"
    scaling = section_of(config, "scaling", "ScalingConfig")
    if scaling is not None and scaling.keda is not None:
        yield "keda"

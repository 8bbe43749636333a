"""What of a config matters to those who run it elsewhere, in plain values. Pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from penstock.deploy.carried import Carried

PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_URL = re.compile(r"(?:https?|rediss?)://[^\s]+", re.ASCII)
ANYWHERE = "*"
"""A host that is not known before."""
SPARE_SECONDS = 15
"""Beyond ``listen.drain``: the supervisor's patience with its workers (10 s), and its own end."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Reach:
    """Somewhere that a gateway connects to. ``port`` 0: any."""

    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of replicas. ``resource``: group and plural of what is scaled where ``actuator`` is kubernetes; ``sized``:
    its replicas may be resized; ``marks``: whether its pods are marked, so that the right one goes; ``program``: what
    starts a replica, where that is a command beside the gateway."""

    name: str
    least: int
    most: int
    actuator: str
    namespace: str | None = None
    workload: str = ""
    group: str = ""
    resource: str = ""
    sized: bool = False
    marks: bool = True
    program: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """``drain``: seconds. ``memory``: bytes that it may use, None for what there is. ``watched``: namespaces whose
    EndpointSlices are read, None for its own. ``extras``: parts that must be installed. ``keda``: the port at which
    KEDA is told over gRPC, in plain; 0 for none."""

    carried: Carried
    port: int = 8400
    tls: bool = False
    workers: int = 1
    drain: float = 30.0
    memory: int | None = None
    store: Literal["memory", "sqlite", "redis"] = "sqlite"
    jobs: bool = True
    reaches: tuple[Reach, ...] = ()
    watched: tuple[str | None, ...] = ()
    pools: tuple[Pool, ...] = ()
    extras: frozenset[str] = frozenset()
    keda: int = 0

    @property
    def asks_kubernetes(self) -> bool:
        """Whether it talks with the API server."""
        return bool(self.watched) or any(pool.actuator == "kubernetes" for pool in self.pools)

    def programs(self, where: str) -> Iterator[str]:
        """What must be there beside the gateway; ``where`` that is."""
        return (f'pool {pool.name}: "{pool.program}" must be {where}' for pool in self.pools if pool.program)

    @property
    def grace(self) -> int:
        """Seconds from being told to stop until it must be over."""
        return math.ceil(self.drain) + SPARE_SECONDS

    @property
    def container_memory(self) -> int:
        """Bytes of a container in which ``memory`` is three quarters, or what so many workers need."""
        return math.ceil((self.memory or self.workers * 768 * MIB) * 4 / 3 / MIB) * MIB


def places(value: Any) -> Iterator[Reach]:
    """Where the URLs in a dumped config lead."""
    if isinstance(value, dict):
        for item in value.values():
            yield from places(item)
    elif isinstance(value, list):
        for item in value:
            yield from places(item)
    elif isinstance(value, str) and _URL.fullmatch(value):
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            return
        if parts.hostname:
            yield Reach(parts.hostname, port or PORTS[parts.scheme])


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``host`` is; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None

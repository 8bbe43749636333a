"""``upstreams.<name>.discover``: where the instances of one upstream are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.kubernetes import SERVICE_ACCOUNT, is_name
from penstock.core.settings import Finding
from penstock.core.shapes import FilePath
from penstock.core.units import Seconds
from penstock.routing.discovery.instances import parse_address

_DNS_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.?)+", re.ASCII)


class KubernetesConfig(Struct, frozen=True, kw_only=True):
    service: Annotated[str, Meta(description="The service whose EndpointSlices are read.")]
    namespace: Annotated[str | None, Meta(description="Its namespace. Unset: that of this pod.")] = None
    port: Annotated[
        str | None, Meta(description="The port's name or number. Unset: the only one that the service has.")
    ] = None
    service_account: Annotated[
        FilePath, Meta(description="The folder with `token`, `ca.crt` and `namespace` for the API server.")
    ] = SERVICE_ACCOUNT

    def check(self) -> Iterator[Finding]:
        for name in ("service", "namespace"):
            value = getattr(self, name)
            if value is not None and not is_name(value):
                yield (name,), f"{name} must be a Kubernetes name: small letters, digits and -"
        port = self.port
        if port is not None and not (_is_port(port) if port.isdigit() else re.fullmatch(r"[a-z0-9-]{1,63}", port)):
            yield ("port",), "port must be a name or a number up to 65535"


class DiscoverConfig(Struct, frozen=True, kw_only=True):
    dns: Annotated[str | None, Meta(description="A host name: each of its addresses is an instance.")] = None
    port: Annotated[int | None, Meta(ge=1, le=65535, description="The instances' port (with `dns`).")] = None
    srv: Annotated[
        bool, Meta(description="`dns` names SRV records; ports and weights are theirs, of the first priority only.")
    ] = False
    server: Annotated[
        str | None, Meta(description="Ask this DNS server (`host:port`) for them instead of the system's.")
    ] = None
    file: Annotated[
        FilePath | None, Meta(description="A file with an instance a line: `host:port`, then a weight if not 1.")
    ] = None
    kubernetes: Annotated[KubernetesConfig | None, Meta(description="The ready endpoints of a service.")] = None
    scaling: Annotated[
        bool,
        Meta(description="Replicas that the pool of this name in `scaling.pools` starts; nobody looks for them."),
    ] = False
    interval: Annotated[Seconds, Meta(ge=0.1, description="Look this often.")] = 10.0
    most: Annotated[int, Meta(ge=1, le=1024, description="Instances taken; those beyond are left out.")] = 256

    def check(self) -> Iterator[Finding]:
        ways = [name for name in ("dns", "file", "kubernetes", "scaling") if getattr(self, name) not in (None, False)]
        if len(ways) != 1:
            yield (), f"discover needs one of dns, file, kubernetes and scaling, and has {' and '.join(ways) or 'none'}"
            return
        if self.dns is None:
            for name, unset in (("port", None), ("srv", False), ("server", None)):
                if getattr(self, name) != unset:
                    yield (name,), f'"{name}" is only for dns'
            return
        if not _DNS_NAME.fullmatch(self.dns):
            yield ("dns",), "dns must be a host name"
        if self.srv and self.port is not None:
            yield ("port",), "SRV records tell the port: leave port out, or srv"
        elif not self.srv and self.port is None:
            yield ("port",), "dns without srv needs the instances' port"
        if self.server is not None:
            yield from self._check_server(self.server)

    def _check_server(self, server: str) -> Iterator[Finding]:
        if not self.srv:
            yield ("server",), '"server" is only for srv: other names are resolved as the system does'
        try:
            parse_address(server)
        except ValueError as error:
            yield ("server",), f"server: {error}"


def _is_port(text: str) -> bool:
    return len(text) <= 5 and 0 < int(text) < 65536

"""``scaling.pools.<name>.kubernetes``: replicas that are pods of a workload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.kubernetes import SERVICE_ACCOUNT, is_name
from penstock.core.settings import Finding
from penstock.core.shapes import FilePath
from penstock.core.units import Seconds

KNOWN = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "LeaderWorkerSet": ("leaderworkerset.x-k8s.io/v1", "leaderworkersets"),
}
"""By kind: group and version, and what its objects are called in paths."""
ORDERED = ("StatefulSet", "LeaderWorkerSet")
"""Of these it is always the highest number that goes."""
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}", re.ASCII)
_API = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/v[0-9][a-z0-9]{0,20}", re.ASCII)
_RESOURCE = re.compile(r"[a-z][a-z0-9]{0,62}", re.ASCII)


class KubernetesConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="The workload whose pods are the replicas.")]
    kind: Annotated[
        str, Meta(description="`Deployment`, `StatefulSet`, `LeaderWorkerSet`, or another with a scale subresource.")
    ] = "Deployment"
    api: Annotated[
        str | None, Meta(description="Group and version of another kind, such as `ray.io/v1`; with `resource`.")
    ] = None
    resource: Annotated[str | None, Meta(description="The plural that stands in its paths, with `api`.")] = None
    namespace: Annotated[str | None, Meta(description="Its namespace. Unset: that of this pod.")] = None
    port: Annotated[
        int | None, Meta(ge=1, le=65535, description="The pods' port. Unset: the only one that they declare.")
    ] = None
    interval: Annotated[Seconds, Meta(ge=0.5, le=60, description="Look at the pods this often.")] = 2.0
    service_account: Annotated[
        FilePath, Meta(description="The folder with `token`, `ca.crt` and `namespace` for the API server.")
    ] = SERVICE_ACCOUNT

    @property
    def home(self) -> tuple[str, str]:
        """Group and version, and the plural."""
        return (self.api, self.resource) if self.api and self.resource else KNOWN[self.kind]

    @property
    def marks(self) -> bool:
        """Whether a mark on a pod says that it goes first."""
        return self.kind not in ORDERED

    def check(self) -> Iterator[Finding]:
        for name in ("name", "namespace"):
            value = getattr(self, name)
            if value is not None and not is_name(value):
                yield (name,), f"{name} must be a Kubernetes name: small letters, digits and -"
        if not _KIND.fullmatch(self.kind):
            yield ("kind",), "kind must be a kind of Kubernetes, such as Deployment"
        elif (self.api is None) != (self.resource is None):
            yield ("api",), "api and resource go together"
        elif self.api is None and self.kind not in KNOWN:
            yield ("kind",), f"kind {self.kind} needs api and resource; known without are {', '.join(KNOWN)}"
        if self.api is not None and not _API.fullmatch(self.api):
            yield ("api",), "api must be group/version, such as apps/v1"
        if self.resource is not None and not _RESOURCE.fullmatch(self.resource):
            yield ("resource",), "resource must be a plural as in paths, such as deployments"

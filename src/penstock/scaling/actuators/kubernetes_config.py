"""``scaling.pools.<name>.kubernetes``: replicas that are pods of a workload."""

from __future__ import annotations

from msgspec import Struct


class KubernetesConfig(Struct, frozen=True, kw_only=True):
    pass

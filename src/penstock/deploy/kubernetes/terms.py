"""What an operator may choose about Penstock in a cluster, and how its objects are named and marked. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from penstock.core.kubernetes import LONGEST_LABEL, is_label
from penstock.deploy.facts import Facts
from penstock.deploy.tree import Hole, Tree

LONGEST_NAME = LONGEST_LABEL - 12
"""Of the release: the longest suffix of an object's name is behind it."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A workload that others (KEDA) are to scale by what is published of a pool."""

    pool: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Terms:
    """``replicas``: how many without a scaler, the least with one. ``cpu``: as Kubernetes writes it; "" for one core a
    worker. ``memory``: bytes, 0 for what the config needs. ``calls``: in flight at one pod, for a scaler that reads
    Prometheus; 0 for none. ``claim``: a volume claim (ReadWriteMany) that all pods share, for batch jobs."""

    name: str = "penstock"
    namespace: str = "default"
    image: str = "penstock"
    tag: str = "latest"
    replicas: int = 2
    most: int = 10
    scaler: str = "hpa"
    cpu: str = ""
    memory: int = 0
    calls: int = 0
    claim: str = ""
    monitor: bool = False
    headless: bool = False
    scaled: tuple[Scaled, ...] = field(default_factory=tuple)

    def problem(self, facts: Facts) -> str:
        """Why it cannot be so; "" when it can."""
        for what, text in (("name", self.name), ("namespace", self.namespace)):
            if not is_label(text) or (what == "name" and len(text) > LONGEST_NAME):
                return f'the {what} "{text[:80]}" must be small letters, digits and -, {LONGEST_NAME} at most'
        if self.claim and not is_label(self.claim):
            return f'"{self.claim[:80]}" is no name of a volume claim'
        if not 1 <= self.replicas <= 10_000:
            return "replicas are 1 to 10000"
        if facts.store == "sqlite" and self.replicas > 1:
            return (
                f"store: sqlite is a file of one pod, and {self.replicas} replicas would each count for themselves: set"
                ' store: "redis://HOST:6379/0", or say --replicas 1'
            )
        known = {pool.name: pool for pool in facts.pools}
        for one in self.scaled:
            if one.pool not in known:
                return (
                    f'there is no pool "{one.pool[:80]}" under scaling.pools; there are: {", ".join(known) or "none"}'
                )
            if known[one.pool].actuator != "signal":
                return (
                    f'pool "{one.pool}" is scaled by its actuator {known[one.pool].actuator}: two would fight over it'
                )
        return ""

    def are_many(self, facts: Facts) -> bool:
        """Whether there may be more than one gateway."""
        return self.replicas > 1 or self.is_scaled(facts)

    def is_pushed(self, facts: Facts) -> bool:
        """Whether KEDA is told over gRPC. It is connected with one pod, so only where there is but one: each knows
        its own callers, and their numbers are to be added up."""
        return bool(facts.keda) and not self.are_many(facts)

    def is_scaled(self, facts: Facts) -> bool:
        """Whether the number of gateways changes by itself: one with a file of its own stays alone."""
        return self.scaler != "none" and facts.store != "sqlite" and self.most > self.replicas


class Names:
    """The names of one release's objects. In a chart they follow the release."""

    def __init__(self, terms: Terms) -> None:
        self._name = terms.name
        self.release = Hole("", terms.name, ".Release.Name")
        self.namespace = Hole("", terms.namespace, ".Release.Namespace")

    def of(self, suffix: str) -> Hole:
        """``penstock-<suffix>``."""
        return self.joined("%s-" + suffix)

    def joined(self, pattern: str) -> Hole:
        """The release's name within a text: ``%s``."""
        return Hole("", pattern % self._name, f"printf {json.dumps(pattern)} .Release.Name")

    def meta(self, suffix: str = "", **more: Tree) -> dict[str, Tree]:
        """The metadata of an object."""
        name = self.of(suffix) if suffix else self.release
        return {"name": name, "namespace": self.namespace, "labels": {**self.selector, **_MANAGED}} | more

    @property
    def selector(self) -> dict[str, Any]:
        """What marks the pods."""
        return {"app.kubernetes.io/name": "penstock", "app.kubernetes.io/instance": self.release}


_MANAGED = {"app.kubernetes.io/part-of": "penstock"}

"""What an API server is asked about a workload, and what its answers say. Pure.

Enters: the JSON of a Scale (``autoscaling/v1``) and of lists of pods. Leaves: replicas, and the bodies of patches.
Fails with ValueError for an answer that is something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from penstock.scaling.replica import Replica

REVISION = "pod-template-hash"
"""A label of the pods of a Deployment: another for each template that it had."""
COST = "controller.kubernetes.io/pod-deletion-cost"
"""Of the pods of a ReplicaSet that are ready alike, those of the lowest cost go first."""
DRAINS = -1_000_000
"""A pod of at most this cost is about to go: whoever makes the workload smaller, that one goes."""
LEAST_COST = -(2**31)
PAGE = 500
HOPELESS = frozenset(
    ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError",
     "CreateContainerError", "RunContainerError")
)  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workload is told of."""

    api: str
    resource: str
    namespace: str
    name: str

    @property
    def workload(self) -> str:
        """Itself."""
        return f"/apis/{self.api}/namespaces/{quote(self.namespace)}/{self.resource}/{quote(self.name)}"

    @property
    def scale(self) -> str:
        """Its scale subresource."""
        return f"{self.workload}/scale"

    def use(self, selector: str) -> str:
        """What its pods use, where a metrics server says so."""
        query = urlencode({"labelSelector": selector})
        return f"/apis/metrics.k8s.io/v1beta1/namespaces/{quote(self.namespace)}/pods?{query}"

    def pods(self, selector: str, on: str = "") -> str:
        """A page of its pods."""
        query = {"labelSelector": selector, "limit": str(PAGE)} | ({"continue": on} if on else {})
        return f"/api/v1/namespaces/{quote(self.namespace)}/pods?{urlencode(query)}"

    def pod(self, name: str) -> str:
        """One pod."""
        return f"/api/v1/namespaces/{quote(self.namespace)}/pods/{quote(name)}"


class _Named(Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    on: str = msgspec.field(name="continue", default="")


class _Port(Struct, rename="camel"):
    container_port: int = 0


class _Container(Struct):
    ports: list[_Port] | None = None


class _PodSpec(Struct):
    containers: list[_Container] = []


class _Condition(Struct, rename="camel"):
    type: str = ""
    status: str = ""
    message: str | None = None
    last_transition_time: datetime | None = None


class _Waiting(Struct):
    reason: str | None = None
    message: str | None = None


class _ContainerState(Struct):
    waiting: _Waiting | None = None


class _ContainerStatus(Struct):
    state: _ContainerState | None = None


class _PodStatus(Struct, rename="camel"):
    phase: str = ""
    reason: str | None = None
    message: str | None = None
    pod_i_p: str | None = msgspec.field(name="podIP", default=None)
    conditions: list[_Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None


class Pod(Struct):
    """A pod as far as it matters here."""

    metadata: _Named
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def goes(self) -> bool:
        """Whether it is being ended already."""
        return self.metadata.deletion_timestamp is not None

    @property
    def cost(self) -> int:
        """Its deletion cost; what is no number counts as none, as it does for Kubernetes."""
        text = (self.metadata.annotations or {}).get(COST, "0")
        try:
            return max(LEAST_COST, min(int(text), -LEAST_COST - 1)) if len(text) < 12 else 0
        except ValueError:
            return 0


class _Pods(Struct):
    kind: str
    metadata: _Named
    items: list[Pod] | None = None


class _ScaleSpec(Struct):
    replicas: int = 0


class _ScaleStatus(Struct):
    replicas: int = 0
    selector: str | None = None


class _Scale(Struct):
    kind: str
    metadata: _Named
    spec: _ScaleSpec = msgspec.field(default_factory=_ScaleSpec)
    status: _ScaleStatus = msgspec.field(default_factory=_ScaleStatus)


class Scale(Struct, frozen=True):
    """How many pods a workload should have; which they are; the version that a change must be based on."""

    wanted: int
    selector: str
    version: str


class _Failure(Struct):
    message: str = ""


def read_scale(body: bytes) -> Scale:
    """The Scale in ``body``."""
    told = _read(body, _Scale, "Scale")
    if not told.status.selector:
        raise ValueError("the workload's scale tells no selector, so its pods cannot be found")
    return Scale(told.spec.replicas, told.status.selector, told.metadata.resource_version)


def read_pods(body: bytes) -> tuple[list[Pod], str]:
    """A page of pods, and where the list goes on."""
    told = _read(body, _Pods, "PodList")
    return told.items or [], told.metadata.on


def _read(body: bytes, kind: type[T], name: str) -> T:
    try:
        told = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"the API server's answer is no {name}: {error}") from None
    if (said := getattr(told, "kind", "")) != name:
        raise ValueError(f'the API server answered with "{str(said)[:64]}" instead of a {name}')
    return told


def read_failure(body: bytes) -> str:
    """What the server says of its refusal, in a line; "" where it says nothing."""
    try:
        message = msgspec.json.decode(body, type=_Failure).message
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ""
    return "".join(one if one.isprintable() else " " for one in message)[:300]


def replica_of(pod: Pod, port: int | None, *, drains: bool = False) -> Replica:
    """The replica that ``pod`` is. ``drains``: it was told that it is about to go."""
    created = pod.metadata.creation_timestamp
    asked = created.timestamp() if created is not None else 0.0
    ready = next((one for one in pod.status.conditions or [] if one.type == "Ready"), None)
    changed = ready.last_transition_time if ready is not None else None
    since = changed.timestamp() if changed is not None else asked
    address = _address(pod, port)
    trouble = _hopeless(pod)
    if trouble:
        return Replica(pod.name, address, "failed", since, asked, trouble=trouble)
    if ready is None or ready.status != "True":
        return Replica(pod.name, address, "starting", since, asked, trouble=_awaited(pod))
    took = max(0.0, since - asked)
    return Replica(pod.name, address, "draining" if drains else "ready", since, asked, took)


def _address(pod: Pod, port: int | None) -> str:
    declared = [one.container_port for container in pod.spec.containers for one in container.ports or []]
    number = port or (declared[0] if len(declared) == 1 else 0)
    host = pod.status.pod_i_p
    if not host or not number:
        return ""
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _hopeless(pod: Pod) -> str:
    """Why it will not serve by waiting; "" where that is not known."""
    if pod.status.phase in ("Failed", "Succeeded"):
        return _line(pod.status.reason or pod.status.phase, pod.status.message)
    for status in pod.status.container_statuses or []:
        waiting = status.state.waiting if status.state is not None else None
        if waiting is not None and waiting.reason in HOPELESS:
            return _line(waiting.reason, waiting.message)
    return ""


def _awaited(pod: Pod) -> str:
    """Why it is not placed on a node, such as that none has a free GPU."""
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return _line("not scheduled", condition.message)
    return ""


def _line(reason: str, message: str | None) -> str:
    text = f"{reason}: {message}" if message else reason
    return "".join(one if one.isprintable() else " " for one in text)[:300]


def rolls(pods: Sequence[Pod]) -> bool:
    """Whether a Deployment is replacing them: some are of another template than others."""
    return len({revision for pod in pods if (revision := (pod.metadata.labels or {}).get(REVISION))}) > 1


def costs(pods: Sequence[Pod], victims: Sequence[str]) -> dict[str, int]:
    """The costs with which ``victims`` go before all others, the first first."""
    others = [pod.cost for pod in pods if pod.name not in victims and not pod.goes]
    lowest = max(LEAST_COST, min([DRAINS, *others]) - len(victims))
    return {name: min(lowest + place, DRAINS) for place, name in enumerate(victims)}


def numbered(pods: Sequence[Pod]) -> list[str]:
    """The pods as they go when a workload numbers them: the highest first."""
    return sorted((pod.name for pod in pods if not pod.goes), key=_number, reverse=True)


def _number(name: str) -> int:
    last = name.rpartition("-")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 10 else -1


def cost_patch(cost: int | None) -> bytes:
    """A merge patch that gives a pod this cost; None takes it away."""
    value = None if cost is None else str(cost)
    return msgspec.json.encode({"metadata": {"annotations": {COST: value}}})


def scale_patch(count: int, version: str) -> bytes:
    """A merge patch that asks for ``count`` pods, refused (409) where somebody else changed that meanwhile."""
    change: Mapping[str, object] = {"metadata": {"resourceVersion": version}} if version else {}
    return msgspec.json.encode({**change, "spec": {"replicas": count}})

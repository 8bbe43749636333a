"""What pods of a workload are given: read from its template, and changed there. Pure.

Enters: the JSON of a Deployment or StatefulSet, of PodMetrics. Leaves: a Size, the body of a patch. Kubernetes then
replaces the pods by itself. Fails with ValueError for an answer that is something else, and where all pods would end at
once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from penstock.scaling.size import Size

MERGE = "application/strategic-merge-patch+json"
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti|e[0-9]{1,2})?", re.ASCII)
_UNITS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2.0**10, "Mi": 2.0**20,
    "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
KEYS = ("cpu", "memory")
T = TypeVar("T")


class _Resources(Struct):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class _Port(Struct, rename="camel"):
    container_port: int = 0


class _Container(Struct):
    name: str
    ports: list[_Port] | None = None
    resources: _Resources = msgspec.field(default_factory=_Resources)


class _PodSpec(Struct):
    containers: list[_Container]


class _Template(Struct):
    spec: _PodSpec


class _Strategy(Struct):
    type: str = ""


class _Spec(Struct, rename="camel"):
    template: _Template
    strategy: _Strategy = msgspec.field(default_factory=_Strategy)
    update_strategy: _Strategy = msgspec.field(default_factory=_Strategy)


class _Workload(Struct):
    spec: _Spec


class _Used(Struct):
    name: str = ""
    usage: dict[str, str] = {}


class _PodUsed(Struct):
    containers: list[_Used] = []


class _PodsUsed(Struct):
    items: list[_PodUsed] = []


class Template(Struct, frozen=True):
    """``container``: which of the pod's is the engine; ``requests`` and ``limits``: what it is given. ``strategy``:
    how Kubernetes replaces pods."""

    container: str
    requests: Mapping[str, float]
    limits: Mapping[str, float]
    strategy: str

    @property
    def size(self) -> Size:
        """What is requested; where nothing is, the limit."""
        given = {**self.limits, **self.requests}
        return Size(cpu=given.get("cpu"), memory=int(given["memory"]) if "memory" in given else None)


def read_template(body: bytes, port: int | None) -> Template:
    """The template in ``body``. The engine is the container that has ``port``, else the first."""
    spec = _read(body, _Workload).spec
    containers = spec.template.spec.containers
    if not containers:
        raise ValueError("the workload has no container")
    engine = next(
        (one for one in containers if any(it.container_port == port for it in one.ports or [])), containers[0]
    )
    given = engine.resources
    return Template(
        engine.name, _numbers(given.requests), _numbers(given.limits), spec.strategy.type or spec.update_strategy.type
    )


def read_use(body: bytes, container: str) -> Size:
    """The most that the container uses in one of the pods."""
    used = [_numbers(one.usage) for pod in _read(body, _PodsUsed).items for one in pod.containers
            if one.name == container]  # fmt: skip
    cpu, memory = (max((one[key] for one in used if key in one), default=None) for key in KEYS)
    return Size(cpu=cpu, memory=None if memory is None else int(memory))


def fitted(template: Template, size: Size) -> Size:
    """The size that it comes to: cores have thousandths."""
    cpu = None if size.cpu is None else quantity(written("cpu", size.cpu))
    return structs.replace(size, cpu=cpu).over(template.size)


def resize_patch(template: Template, size: Size) -> bytes:
    """A strategic merge patch that requests this. A limit that is there keeps its ratio to the request."""
    if template.strategy in ("Recreate", "OnDelete"):
        raise ValueError(f"its strategy is {template.strategy}: pods would not be replaced one by one")
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for key, value in size.said().items():
        requests[key] = written(key, value)
        if key in template.limits:
            limits[key] = written(key, value * template.limits[key] / template.requests.get(key, template.limits[key]))
    container: dict[str, Any] = {"name": template.container, "resources": {"requests": requests}}
    if limits:
        container["resources"]["limits"] = limits
    return msgspec.json.encode({"spec": {"template": {"spec": {"containers": [container]}}}})


def written(key: str, value: float) -> str:
    """A quantity: cores in thousandths, memory in MiB where it comes out even."""
    if key == "cpu":
        return f"{math.ceil(value * 1000 - 1e-6)}m"
    return f"{int(value) >> 20}Mi" if int(value) % 2**20 == 0 else str(int(value))


def quantity(text: str) -> float | None:
    """The number that Kubernetes writes so; None for what is none."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    unit = found[2] or ""
    return round(float(found[1]) * (10.0 ** int(unit[1:]) if unit.startswith("e") else _UNITS[unit]), 9)


def _numbers(texts: Mapping[str, str] | None) -> dict[str, float]:
    return {key: value for key in KEYS if (value := quantity((texts or {}).get(key, ""))) is not None}


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"the API server's answer is none that was asked for: {error}") from None

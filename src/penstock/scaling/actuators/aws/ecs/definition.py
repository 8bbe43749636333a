"""A task definition of ECS with another size. Pure.

Enters: a definition as ECS describes it, and a size. Leaves: the size that it comes to (Fargate has pairs of CPU and
memory only: the smallest that holds both), and what registers it. May fail: ValueError for a size that cannot be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.scaling.size import Size

MIB, GIB = 2**20, 2**30
UNITS = 1024
"""Of CPU, in a core."""
FARGATE: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16_385, 1024),
    4096: range(8192, 30_721, 1024),
    8192: range(16_384, 61_441, 4096),
    16_384: range(32_768, 122_881, 8192),
}
"""MiB by units of CPU: AWS's table."""
LEAST_UNITS, LEAST_MIB = 128, 6
"""Of a task on instances of one's own."""
KEPT = (
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode", "proxyConfiguration",
    "inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection",
)  # fmt: skip
"""What a definition says of itself and may be said again; the rest ECS adds."""


def size_of(definition: Mapping[str, Any]) -> Size:
    """What a task has; nothing where its containers share what the instance has."""
    units, mib = (_number(definition.get(key)) for key in ("cpu", "memory"))
    return Size(cpu=None if units is None else units / UNITS, memory=None if mib is None else mib * MIB)


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def fitted(definition: Mapping[str, Any], size: Size) -> Size:
    """The smallest size that ECS has and that holds this one."""
    whole = size.over(size_of(definition))
    if whole.cpu is None or whole.memory is None:
        raise ValueError("its task definition sets no cpu and memory of the task: set both there first")
    units, mib = math.ceil(whole.cpu * UNITS), math.ceil(whole.memory / MIB)
    if "FARGATE" not in definition.get("requiresCompatibilities", ()):
        if units < LEAST_UNITS or mib < LEAST_MIB:
            raise ValueError(f"a task has {LEAST_UNITS / UNITS:g} cores and {LEAST_MIB} MiB at least")
        return Size(cpu=units / UNITS, memory=mib * MIB)
    for pair, memories in FARGATE.items():
        if pair >= units and (enough := [one for one in memories if one >= mib]):
            return Size(cpu=pair / UNITS, memory=enough[0] * MIB)
    raise ValueError(f"no task of Fargate holds {whole}: the largest has 16 cores and 120 GiB")


def registered(definition: Mapping[str, Any], size: Size, tags: Sequence[Any]) -> dict[str, Any]:
    """What registers the definition with this size. What its containers have of it grows and shrinks with it."""
    before = size_of(definition)
    made = {key: definition[key] for key in KEPT if definition.get(key)}
    made["containerDefinitions"] = [_container(one, before, size) for one in definition["containerDefinitions"]]
    assert size.cpu is not None
    assert size.memory is not None
    made |= {"cpu": str(round(size.cpu * UNITS)), "memory": str(size.memory // MIB)}
    return made | ({"tags": list(tags)} if tags else {})


def _container(container: Mapping[str, Any], before: Size, size: Size) -> dict[str, Any]:
    made = dict(container)
    for key, old, new in (
        ("cpu", before.cpu, size.cpu), ("memory", before.memory, size.memory),
        ("memoryReservation", before.memory, size.memory),
    ):  # fmt: skip
        if made.get(key) and old and new:
            made[key] = max(1 if key == "cpu" else LEAST_MIB, int(made[key] * new / old))
    return made

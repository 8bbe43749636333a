"""What AWS tells of its capacity, as replicas. Pure.

Enters: answers of ECS, EC2 and EC2 Auto Scaling. Leaves: replicas. What is not understood is a replica that starts: it
is there, and serves nobody yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from penstock.scaling.replica import Replica, State

_TASKS: dict[str, State] = {
    "RUNNING": "ready", "DEACTIVATING": "draining", "STOPPING": "draining", "DEPROVISIONING": "draining",
}  # fmt: skip
GONE = ("STOPPED", "DELETED")


def of_task(task: Mapping[str, Any], port: int | None) -> Replica | None:
    """A task of ECS; None once it has ended."""
    status = str(task.get("lastStatus", ""))
    if status in GONE:
        return None
    state = _TASKS.get(status, "starting")
    trouble = ""
    if state == "ready" and task.get("healthStatus") == "UNHEALTHY":
        state, trouble = "failed", "its health check fails"
    elif task.get("desiredStatus") == "STOPPED":
        state, trouble = "draining", str(task.get("stoppedReason", ""))
    asked, began = _seconds(task.get("createdAt")), _seconds(task.get("startedAt"))
    took = began - asked if state == "ready" and asked and began else 0.0
    name = str(task["taskArn"]).rpartition("/")[2]
    return Replica(name, _at(_task_ip(task), port), state, began or asked, asked, took, trouble)


def _task_ip(task: Mapping[str, Any]) -> str:
    details = (one for attachment in task.get("attachments", []) for one in attachment.get("details", []))
    return next((str(one["value"]) for one in details if one.get("name") == "privateIPv4Address"), "")


def of_instance(member: Mapping[str, Any], instance: Mapping[str, Any] | None, port: int | None) -> Replica:
    """A member of an Auto Scaling group, and what EC2 knows of it."""
    life = str(member.get("LifecycleState", ""))
    known = instance or {}
    state: State = "starting"
    trouble = ""
    if life.startswith(("Terminat", "Detach", "EnteringStandby", "Standby")):
        state = "draining"
    elif str(member.get("HealthStatus", "")).lower() == "unhealthy":
        state, trouble = "failed", "its health check fails; the group replaces it"
    elif life == "InService":
        state = "ready"
    began = _seconds(known.get("LaunchTime"))
    return Replica(str(member["InstanceId"]), _at(str(known.get("PrivateIpAddress") or ""), port), state, began, began,
                   trouble=trouble)  # fmt: skip


def _at(ip: str, port: int | None) -> str:
    return f"{ip}:{port}" if ip and port is not None else ""


def _seconds(moment: object) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else 0.0


class Names:
    """Names of what has none: sandboxes are alike, and AWS says only how many there are. Who was named a victim goes
    first, then the newest."""

    def __init__(self) -> None:
        self._names: dict[str, float] = {}
        self._given = 0
        self._victims: list[str] = []

    def doom(self, victims: Sequence[str]) -> None:
        """These go next."""
        self._victims = [name for name in victims if name in self._names]

    def follow(self, count: int, now: float) -> Iterable[tuple[str, float]]:
        """``count`` names, each with the moment it was given."""
        while len(self._names) > count:
            name = self._victims.pop(0) if self._victims else next(reversed(self._names))
            self._names.pop(name, None)
        while len(self._names) < count:
            self._given += 1
            self._names[f"sandbox-{self._given}"] = now
        return list(self._names.items())

    def __repr__(self) -> str:
        return f"<Names {len(self._names)} of {self._given}>"

"""An actuator whose replicas are the instances of an EC2 Auto Scaling group.

A victim is terminated by its name, and the group's number goes down with it: the group never chooses. Growth is the
group's own affair: its launch template, its zones, its most. What fails is an ActuatorError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.asking.service import Asking
from penstock.scaling.actuators.aws.replicas import of_instance
from penstock.scaling.actuators.aws_config import GroupConfig
from penstock.scaling.replica import Standing
from penstock.scaling.size import Size

SERVICE = "autoscaling"
DESCRIBED = 500
"""How many instances one question names."""


class Group:
    """An Actuator."""

    def __init__(self, config: GroupConfig, ask: Asking, price: float = 0.0) -> None:
        self._config = config
        self._ask = ask
        self._price = price

    async def current(self) -> Standing:
        """The instances."""
        group = await self._group()
        members = group.get("Instances", [])
        known = await self._instances([str(one["InstanceId"]) for one in members])
        replicas = [of_instance(one, known.get(str(one["InstanceId"])), self._config.port) for one in members]
        return Standing(int(group["DesiredCapacity"]), replicas, self._price)

    async def _group(self) -> dict[str, Any]:
        told = await self._ask(SERVICE, "describe_auto_scaling_groups", AutoScalingGroupNames=[self._config.name])
        groups: list[dict[str, Any]] = told.get("AutoScalingGroups", [])
        if not groups:
            raise ActuatorError(f"{self._words}: there is none of this name")
        return groups[0]

    async def _instances(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What EC2 knows of them; one that has just gone is not among them."""
        found: dict[str, dict[str, Any]] = {}
        for at in range(0, len(names), DESCRIBED):
            filters = [{"Name": "instance-id", "Values": list(names[at : at + DESCRIBED])}]
            told = await self._ask("ec2", "describe_instances", Filters=filters)
            for reservation in told.get("Reservations", []):
                found |= {str(one["InstanceId"]): one for one in reservation.get("Instances", [])}
        return found

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Have ``count`` instances. Each victim takes one from the group's number as it goes."""
        group = await self._group()
        desired, members = int(group["DesiredCapacity"]), {str(one["InstanceId"]) for one in group.get("Instances", [])}
        for name in victims:
            if name not in members or desired <= count:
                continue
            await self._ask(SERVICE, "terminate_instance_in_auto_scaling_group", InstanceId=name,
                            ShouldDecrementDesiredCapacity=True)  # fmt: skip
            desired -= 1
        if desired != count:
            if count > int(group["MaxSize"]):
                raise ActuatorError(
                    f"{self._words}: its MaxSize is {group['MaxSize']}, and {count} are wanted: raise it"
                )
            await self._ask(SERVICE, "set_desired_capacity", AutoScalingGroupName=self._config.name,
                            DesiredCapacity=count, HonorCooldown=False)  # fmt: skip

    async def drain(self, name: str, *, drained: bool) -> None:
        """Nothing: who goes is named when it goes."""

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """An instance is as large as its type."""
        raise ActuatorError(f"{self._words}: its instances are as large as the type in its launch template")

    async def aclose(self) -> None:
        """What stands stays."""

    @property
    def _words(self) -> str:
        return f"Auto Scaling group {self._config.name}"

    def __repr__(self) -> str:
        return f"<Group {self._config.name}>"

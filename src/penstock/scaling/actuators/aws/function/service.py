"""An actuator whose replicas are the provisioned concurrency of a Lambda function.

The pool's number is the least of Application Auto Scaling's target: there are at least so many and, with ``track``,
more while more are in use; those are AWS's affair, and not told here. Which sandbox goes Lambda decides; none has an
address. Application Auto Scaling knows no step policies for Lambda: the pool's own rule ``steps`` stands in for them.
Another size is another version, to which the alias is moved once it is made.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.asking.service import Asking
from penstock.scaling.actuators.aws.replicas import Names
from penstock.scaling.actuators.aws_config import FunctionConfig
from penstock.scaling.replica import Replica, Standing
from penstock.scaling.size import Size

SERVICE = "application-autoscaling"
POLICY = "penstock-utilisation"
PREFIX = "penstock-"
LEAST_MIB, MOST_MIB = 128, 10_240
MIB = 2**20
TRIES, PAUSE_SECONDS = 15, 1.0
"""Of waiting for a change."""
RELEASED = ("CodeSha256", "Runtime", "Handler", "Role", "Environment", "Timeout", "Layers", "VpcConfig")
"""What a new version would release besides its memory."""
OUT_SECONDS, IN_SECONDS = 120, 600
"""No second growth, no second shrinking before this."""


class Function:
    """An Actuator. ``most``: of the pool. ``changes``: whether it may set anything (not in a dry run). ``sized``:
    whether anybody wants to know how large it is. ``wall``: Unix seconds."""

    def __init__(
        self, config: FunctionConfig, ask: Asking, most: int, price: float = 0.0, *, changes: bool = True,
        sized: Callable[[], bool] = lambda: False, wall: Callable[[], float] = time.time, pause: float = PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        self._config = config
        self._ask = ask
        self._most = most
        self._price = price
        self._wall = wall
        self._names = Names()
        self._settled = not changes
        self._sized = sized
        self._pause = pause
        self._asked: int | None = None
        self._target = {
            "ServiceNamespace": "lambda", "ResourceId": f"function:{config.name}:{config.alias}",
            "ScalableDimension": "lambda:function:ProvisionedConcurrency",
        }  # fmt: skip

    async def current(self) -> Standing:
        """How many are ready and how many are being made."""
        found = await self._ask(SERVICE, "describe_scalable_targets", ServiceNamespace="lambda",
                                ResourceIds=[self._target["ResourceId"]])  # fmt: skip
        targets = found.get("ScalableTargets", [])
        if targets:
            await self._settle()
        # A schedule may have raised it: that holds until the pool asks for another number.
        wanted = self._asked if self._asked is not None else int(targets[0]["MinCapacity"]) if targets else 0
        ready, allocated = await self._concurrency()
        replicas = [
            Replica(name, "", "ready" if number < ready else "starting", since, since)
            for number, (name, since) in enumerate(self._names.follow(min(allocated, wanted), self._wall()))
        ]
        standing = Standing(wanted, replicas, self._price)
        if not self._sized():
            return standing
        try:
            return structs.replace(standing, size=(await self._version())[1], can=["memory"])
        except ActuatorError as error:  # concurrency is provisioned all the same
            return structs.replace(standing, unsized=str(error))

    async def _version(self) -> tuple[dict[str, Any], Size]:
        """What the alias leads to, and how large that is."""
        told = await self._ask("lambda", "get_function_configuration", FunctionName=self._config.name,
                               Qualifier=self._config.alias)  # fmt: skip
        return told, Size(memory=int(told["MemorySize"]) * MIB)

    async def resize(self, size: Size, *, dry_run: bool = False) -> Size:
        """Change the function, make a version of it, move the alias there. What was provisioned follows the alias."""
        name = self._config.name
        if size.memory is None or len(size.said()) > 1:
            raise ActuatorError(f"{self._words}: only its memory can be changed: CPU comes with it")
        mib = math.ceil(size.memory / MIB)
        if not LEAST_MIB <= mib <= MOST_MIB:
            raise ActuatorError(f"{self._words}: {mib} MiB cannot be: Lambda has {LEAST_MIB} to {MOST_MIB} MiB")
        now, before = await self._version()
        newest = await self._ask("lambda", "get_function_configuration", FunctionName=name)
        if others := [key for key in RELEASED if newest.get(key) != now.get(key)]:
            raise ActuatorError(
                f"{self._words}: $LATEST is not what the alias leads to ({', '.join(others)}), and would be released"
                " with it: release that first"
            )
        wanted = Size(memory=mib * MIB)
        if dry_run or wanted == before:
            return wanted
        if newest.get("MemorySize") != mib:
            await self._ask("lambda", "update_function_configuration", FunctionName=name, MemorySize=mib)
            await self._updated()
        made = await self._ask("lambda", "publish_version", FunctionName=name, CodeSha256=newest["CodeSha256"])
        await self._ask("lambda", "update_alias", FunctionName=name, Name=self._config.alias,
                        FunctionVersion=str(made["Version"]))  # fmt: skip
        return wanted

    async def _updated(self) -> None:
        """Wait until a change of the function is done; a version cannot be made before."""
        for _ in range(TRIES):
            told = await self._ask("lambda", "get_function_configuration", FunctionName=self._config.name)
            status = told.get("LastUpdateStatus", "Successful")
            if status == "Successful":
                return
            if status == "Failed":
                raise ActuatorError(f"{self._words}: it cannot be changed: {told.get('LastUpdateStatusReason', '')}")
            await asyncio.sleep(self._pause)
        raise ActuatorError(f"{self._words}: its change is not done yet; ask again, and the alias will be moved")

    async def _concurrency(self) -> tuple[int, int]:
        """Ready, and asked for."""
        try:
            told = await self._ask("lambda", "get_provisioned_concurrency_config", FunctionName=self._config.name,
                                   Qualifier=self._config.alias)  # fmt: skip
        except ActuatorError as error:
            if "ProvisionedConcurrencyConfigNotFound" in str(error):
                return 0, 0
            raise
        if told.get("Status") == "FAILED":
            raise ActuatorError(f"{self._words}: its concurrency cannot be provisioned: {told.get('StatusReason', '')}")
        ready = int(told.get("AvailableProvisionedConcurrentExecutions", 0))
        return ready, max(ready, int(told.get("RequestedProvisionedConcurrentExecutions", 0)))

    async def want(self, count: int, victims: Sequence[str] = ()) -> None:
        """Have at least ``count``; exactly ``count`` where nothing is tracked."""
        most = count if self._config.track is None else max(count, self._most)
        await self._ask(SERVICE, "register_scalable_target", MinCapacity=count, MaxCapacity=most, **self._target)
        self._asked = count
        self._names.doom(victims)
        await self._settle()

    async def _settle(self) -> None:
        """The policy and the schedules, once: they are kept by AWS."""
        if self._settled:
            return
        config = self._config
        if config.track is not None:
            policy = tracking(config.track)
            await self._ask(SERVICE, "put_scaling_policy", PolicyName=POLICY, PolicyType="TargetTrackingScaling",
                            TargetTrackingScalingPolicyConfiguration=policy, **self._target)  # fmt: skip
        for one in config.schedules:
            await self._ask(
                SERVICE, "put_scheduled_action", ScheduledActionName=PREFIX + one.name, Schedule=one.when,
                Timezone=one.time_zone, ScalableTargetAction={"MinCapacity": one.min, "MaxCapacity": one.max},
                **self._target,
            )  # fmt: skip
        self._settled = True

    async def drain(self, name: str, *, drained: bool) -> None:
        """Nobody can be told: Lambda sends calls where it likes, and ends a sandbox only between two."""

    async def aclose(self) -> None:
        """What stands stays."""

    @property
    def _words(self) -> str:
        return f"function {self._config.name}:{self._config.alias}"

    def __repr__(self) -> str:
        return f"<Function {self._config.name}:{self._config.alias}>"


def tracking(share: float) -> dict[str, Any]:
    """The policy that keeps the use of provisioned concurrency at ``share``."""
    return {
        "TargetValue": share, "ScaleOutCooldown": OUT_SECONDS, "ScaleInCooldown": IN_SECONDS,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
    }  # fmt: skip

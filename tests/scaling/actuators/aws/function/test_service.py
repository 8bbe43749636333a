"""Provisioned concurrency against moto's Application Auto Scaling."""

import asyncio
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.function.service import Function
from penstock.scaling.actuators.aws_config import FunctionConfig, ScheduleConfig
from penstock.scaling.actuators.seldom import Seldom
from tests.support.aws import PlayedAws, client

DAY = ScheduleConfig(name="day", when="cron(0 7 ? * MON-FRI *)", min=100, max=400)


class Concurrency:
    """What Lambda has provisioned."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {"Status": "READY", "AvailableProvisionedConcurrentExecutions": 2,
                                     "RequestedProvisionedConcurrentExecutions": 3}  # fmt: skip
        self.aws = PlayedAws(get_provisioned_concurrency_config=lambda asked: self.told)


def _scaling() -> Any:
    return client("application-autoscaling")


def _made(lambdas: Concurrency, **more: Any) -> tuple[Seldom, list[float]]:
    now = [1000.0]
    config = FunctionConfig(name="penstock", **more)
    return Seldom(Function(config, lambdas.aws, 500, wall=lambda: now[0]), 10.0, lambda: now[0]), now


def test_the_pools_number_is_the_least_and_what_is_in_use_is_tracked() -> None:
    lambdas = Concurrency()
    function, _ = _made(lambdas, schedules=[DAY])
    asyncio.run(function.want(50))
    (target,) = _scaling().describe_scalable_targets(ServiceNamespace="lambda")["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == ("function:penstock:live", 50, 500)
    (policy,) = _scaling().describe_scaling_policies(ServiceNamespace="lambda")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 0.7, "ScaleOutCooldown": 120, "ScaleInCooldown": 600,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
    }  # fmt: skip
    (action,) = _scaling().describe_scheduled_actions(ServiceNamespace="lambda")["ScheduledActions"]
    assert action["ScalableTargetAction"] == {"MinCapacity": 100, "MaxCapacity": 400}


def test_without_tracking_there_are_exactly_so_many() -> None:
    lambdas = Concurrency()
    function, _ = _made(lambdas, track=None)
    asyncio.run(function.want(7))
    (target,) = _scaling().describe_scalable_targets(ServiceNamespace="lambda")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (7, 7)
    assert _scaling().describe_scaling_policies(ServiceNamespace="lambda")["ScalingPolicies"] == []


def test_what_stands_is_told_and_what_aws_added_is_not_the_pools() -> None:
    async def main() -> None:
        lambdas = Concurrency()
        function, now = _made(lambdas)
        await function.want(3)
        standing = await function.current()
        assert (standing.wanted, [one.state for one in standing.replicas]) == (3, ["ready", "ready", "starting"])
        lambdas.told["AvailableProvisionedConcurrentExecutions"] = 40
        assert await function.current() is standing  # not asked again yet
        now[0] += 11
        assert len((await function.current()).of("ready")) == 3

    asyncio.run(main())


def test_a_schedule_that_raised_it_holds_until_the_pool_asks_for_another_number() -> None:
    async def main() -> None:
        lambdas = Concurrency()
        function, now = _made(lambdas)
        await function.want(3)
        target = {"ServiceNamespace": "lambda", "ResourceId": "function:penstock:live",
                  "ScalableDimension": "lambda:function:ProvisionedConcurrency"}  # fmt: skip
        _scaling().register_scalable_target(MinCapacity=100, MaxCapacity=400, **target)
        now[0] += 11
        assert (await function.current()).wanted == 3

    asyncio.run(main())


def test_after_a_restart_it_goes_on_from_what_aws_keeps_and_a_dry_run_sets_nothing() -> None:
    async def main() -> None:
        lambdas = Concurrency()
        await _made(lambdas)[0].want(3)
        lambdas.aws.asked.clear()
        config = FunctionConfig(name="penstock")
        dry = Function(config, lambdas.aws, 500, changes=False)
        assert (await dry.current()).wanted == 3
        assert lambdas.aws.asked == []
        assert (await _made(lambdas)[0].current()).wanted == 3
        assert [name for name, _ in lambdas.aws.asked] == ["put_scaling_policy"]  # it may have changed meanwhile

    asyncio.run(main())


def test_the_victims_are_not_told_any_more() -> None:
    async def main() -> None:
        lambdas = Concurrency()
        function, _ = _made(lambdas)
        await function.want(3)
        names = [one.name for one in (await function.current()).replicas]
        await function.want(2, [names[0]])
        assert [one.name for one in (await function.current()).replicas] == names[1:]

    asyncio.run(main())


def test_none_yet_and_one_that_cannot_be_made() -> None:
    async def main() -> None:
        def none(asked: object) -> dict[str, Any]:
            raise ActuatorError("aws lambda get...: ProvisionedConcurrencyConfigNotFoundException: none")

        lambdas = Concurrency()
        function, now = _made(lambdas)
        lambdas.aws.played["get_provisioned_concurrency_config"] = none
        assert (await function.current()).replicas == []
        lambdas.aws.played["get_provisioned_concurrency_config"] = lambda asked: {
            "Status": "FAILED", "StatusReason": "no room in the account"
        }  # fmt: skip
        now[0] += 11
        with pytest.raises(ActuatorError, match="cannot be provisioned: no room in the account"):
            await function.current()

    asyncio.run(main())

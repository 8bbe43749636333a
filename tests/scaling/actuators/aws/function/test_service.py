"""Provisioned concurrency against moto's Application Auto Scaling."""

import asyncio
import io
import zipfile
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.function.service import Function
from penstock.scaling.actuators.aws_config import FunctionConfig, ScheduleConfig
from penstock.scaling.actuators.seldom import Seldom
from penstock.scaling.size import Size
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


MIB = 2**20


def _deployed() -> tuple[Any, PlayedAws, Function]:
    """A function of 512 MiB whose alias leads to its first version; no code of it runs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handle(event, context): ...")
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    lambdas = client("lambda")
    lambdas.create_function(
        FunctionName="penstock", Runtime="python3.12", Role=role, Handler="app.handle", MemorySize=512,
        Code={"ZipFile": packed.getvalue()}, Publish=True,
    )  # fmt: skip
    lambdas.create_alias(FunctionName="penstock", Name="live", FunctionVersion="1")
    aws = Concurrency().aws
    return lambdas, aws, Function(FunctionConfig(name="penstock"), aws, 500, sized=lambda: True, pause=0.0)


def _sizes(lambdas: Any) -> list[tuple[str, int]]:
    told = lambdas.list_versions_by_function(FunctionName="penstock")["Versions"]
    return [(one["Version"], one["MemorySize"]) for one in told]


def test_another_size_is_another_version_to_which_the_alias_leads() -> None:
    async def main() -> None:
        lambdas, aws, function = _deployed()
        standing = await function.current()
        assert (standing.size, standing.can) == (Size(memory=512 * MIB), ["memory"])
        assert await function.resize(Size(memory=1000 * MIB + 1), dry_run=True) == Size(memory=1001 * MIB)
        assert _sizes(lambdas) == [("$LATEST", 512), ("1", 512)], "a dry run"
        assert await function.resize(Size(memory=1024 * MIB)) == Size(memory=1024 * MIB)
        assert _sizes(lambdas) == [("$LATEST", 1024), ("1", 512), ("2", 1024)]
        assert lambdas.get_alias(FunctionName="penstock", Name="live")["FunctionVersion"] == "2"
        assert (await function.current()).size == Size(memory=1024 * MIB)
        aws.asked.clear()
        await function.resize(Size(memory=1024 * MIB))
        assert aws.asked == []

    asyncio.run(main())


def test_a_change_that_takes_long_is_waited_for_and_then_taken_up_again() -> None:
    async def main() -> None:
        lambdas, aws, function = _deployed()
        looks = 0

        def slow(asked: dict[str, Any]) -> dict[str, Any]:
            nonlocal looks
            looks += 1
            told = lambdas.get_function_configuration(**asked)
            return {**told, "LastUpdateStatus": "InProgress" if looks < 25 else "Successful"}

        aws.played["get_function_configuration"] = slow
        with pytest.raises(ActuatorError, match="its change is not done yet"):
            await function.resize(Size(memory=1024 * MIB))
        assert _sizes(lambdas) == [("$LATEST", 1024), ("1", 512)]
        await function.resize(Size(memory=1024 * MIB))
        assert _sizes(lambdas)[-1] == ("2", 1024)

    asyncio.run(main())


def test_what_is_not_released_yet_is_not_released_by_the_way() -> None:
    async def main() -> None:
        lambdas, aws, function = _deployed()
        lambdas.update_function_configuration(FunctionName="penstock", Timeout=77)
        with pytest.raises(ActuatorError, match=r"\$LATEST is not what the alias leads to \(Timeout\)"):
            await function.resize(Size(memory=1024 * MIB))
        assert aws.asked == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (Size(cpu=2.0), "only its memory can be changed: CPU comes with it"),
        (Size(memory=64 * MIB), "64 MiB cannot be: Lambda has 128 to 10240 MiB"),
        (Size(memory=10_241 * MIB), "10241 MiB cannot be"),
    ],
)
def test_a_size_that_a_function_cannot_have_is_refused(size: Size, says: str) -> None:
    async def main() -> None:
        _, aws, function = _deployed()
        with pytest.raises(ActuatorError, match=says):
            await function.resize(size)
        assert aws.asked == []

    asyncio.run(main())


def test_without_the_right_to_look_concurrency_is_provisioned_all_the_same() -> None:
    def denied(asked: object) -> dict[str, Any]:
        raise ActuatorError("aws lambda get_function_configuration: AccessDenied")

    _, aws, function = _deployed()
    aws.played["get_function_configuration"] = denied
    standing = asyncio.run(function.current())
    assert (standing.unsized, standing.can) == ("aws lambda get_function_configuration: AccessDenied", [])


def test_how_large_it_is_is_asked_only_where_somebody_wants_to_know() -> None:
    lambdas = Concurrency()
    lambdas.aws.played["get_function_configuration"] = lambda asked: pytest.fail("nobody wants to know")
    function, _ = _made(lambdas)
    assert asyncio.run(function.current()).can == []

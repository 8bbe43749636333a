"""How many there are, by which rule."""

from itertools import pairwise

import pytest

from penstock.scaling.steps import BANDS
from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def _policies(synthesised: Synthesised, stack: str) -> dict[str, dict[str, object]]:
    found = {}
    for one in synthesised.all(stack, "ApplicationAutoScaling::ScalingPolicy"):
        kind = one["PolicyType"]
        found[one["PolicyName"]] = one[f"{kind}PolicyConfiguration"]
    return found


def test_provisioned_concurrency_tracks_70_percent_and_the_composite_metric(synthesised: Synthesised) -> None:
    target = synthesised.one("function", "ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (50, 500)
    assert target["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"
    assert "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency" in str(target["RoleARN"])
    used, composite = _policies(synthesised, "function").values()
    assert used == {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
        "TargetValue": 0.7, "ScaleOutCooldown": 120, "ScaleInCooldown": 600,
    }  # fmt: skip
    assert composite["TargetValue"] == 50
    assert composite["CustomizedMetricSpecification"] == {
        "Namespace": "Penstock", "MetricName": "Composite", "Statistic": "Average",
        "Dimensions": [{"Name": "Service", "Value": "pen"}],
    }  # fmt: skip


def test_lambda_has_no_step_policy_which_application_auto_scaling_would_refuse(synthesised: Synthesised) -> None:
    kinds = {one["PolicyType"] for one in synthesised.all("function", "ApplicationAutoScaling::ScalingPolicy")}
    assert kinds == {"TargetTrackingScaling"}


def test_bounds_by_the_clock(synthesised: Synthesised) -> None:
    target = synthesised.one("function", "ApplicationAutoScaling::ScalableTarget")
    (action,) = target["ScheduledActions"]
    assert action["Schedule"] == "cron(0 7 ? * MON-FRI *)"
    assert action["ScalableTargetAction"] == {"MinCapacity": 100, "MaxCapacity": 400}
    assert "ScheduledActions" not in synthesised.one("service", "ApplicationAutoScaling::ScalableTarget")


def test_tasks_go_by_the_bands_of_the_composite_metric(synthesised: Synthesised) -> None:
    steps = next(one for name, one in _policies(synthesised, "service").items() if "Upper" in name)
    assert (steps["AdjustmentType"], steps["Cooldown"]) == ("ChangeInCapacity", 180)
    (alarm,) = [one for one in synthesised.all("service", "CloudWatch::Alarm") if "scaling" in one["AlarmDescription"]]
    begins = float(alarm["Threshold"])
    told = [(begins + step["MetricIntervalLowerBound"], step["ScalingAdjustment"]) for step in steps["StepAdjustments"]]  # type: ignore[attr-defined]
    assert told == [(end, change) for (end, _), (_, change) in pairwise(BANDS)]
    target = synthesised.one("service", "ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 50)

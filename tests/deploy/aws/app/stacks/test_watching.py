"""Alarms and dashboards."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


@pytest.mark.parametrize(
    ("stack", "metrics"),
    [
        ("function", {"Composite", "Waiting", "Errors", "Throttles", "ProvisionedConcurrencySpilloverInvocations",
                      "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "TargetResponseTime"}),
        ("service", {"Composite", "Waiting", "UnHealthyHostCount", "HTTPCode_ELB_5XX_Count",
                     "HTTPCode_Target_5XX_Count", "TargetResponseTime"}),
    ],
)  # fmt: skip
def test_each_alarm_goes_to_the_topic_and_says_what_it_means(
    synthesised: Synthesised, stack: str, metrics: set[str]
) -> None:
    alarms = [one for one in synthesised.all(stack, "CloudWatch::Alarm") if "scaling" not in one["AlarmDescription"]]
    assert {one["MetricName"] for one in alarms} == metrics
    assert all("WatchingAlarms" in str(one["AlarmActions"]) for one in alarms)
    assert all(one["TreatMissingData"] == "notBreaching" for one in alarms)


@pytest.mark.parametrize("stack", ["function", "service"])
def test_the_dashboard_shows_what_gateways_write(synthesised: Synthesised, stack: str) -> None:
    board = synthesised.one(stack, "CloudWatch::Dashboard")
    assert board["DashboardName"] == f"pen-{stack}"
    body = str(board["DashboardBody"])
    for name in ("Composite", "ResponseTime", "TokenRate", "CacheHitRate", "DesiredReplicas", "ForecastLoad"):
        assert f'"Penstock","{name}","Service","pen"' in body.replace('\\"', '"')

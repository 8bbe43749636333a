"""The balancer before either variant."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]
BOTH = pytest.mark.parametrize("stack", ["function", "service"])


@BOTH
def test_health_is_asked_as_the_specification_says(synthesised: Synthesised, stack: str) -> None:
    group = synthesised.one(stack, "ElasticLoadBalancingV2::TargetGroup")
    asked = {name.removeprefix("HealthCheck"): value for name, value in group.items() if name.startswith("HealthCheck")}
    assert asked == {"Enabled": True, "Path": "/health", "IntervalSeconds": 30, "TimeoutSeconds": 25}
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)
    assert group["Matcher"] == {"HttpCode": "200"}


def test_lambda_gets_fields_as_lists_and_tasks_get_what_is_least_busy(synthesised: Synthesised) -> None:
    function = synthesised.one("function", "ElasticLoadBalancingV2::TargetGroup")
    assert function["TargetType"] == "lambda"
    assert {"Key": "lambda.multi_value_headers.enabled", "Value": "true"} in function["TargetGroupAttributes"]
    service = synthesised.one("service", "ElasticLoadBalancingV2::TargetGroup")
    assert service["TargetType"] == "ip"
    assert {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"} in (
        service["TargetGroupAttributes"]
    )


@BOTH
def test_it_speaks_tls_and_shows_nobody_what_is_for_operators(synthesised: Synthesised, stack: str) -> None:
    listeners = {one["Port"]: one for one in synthesised.all(stack, "ElasticLoadBalancingV2::Listener")}
    assert listeners[443]["Protocol"] == "HTTPS"
    assert listeners[80]["DefaultActions"][0]["Type"] == "redirect"
    rule = synthesised.one(stack, "ElasticLoadBalancingV2::ListenerRule")
    assert rule["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    assert rule["Conditions"][0]["PathPatternConfig"]["Values"] == ["/admin/*", "/metrics", "/ui", "/ui/*"]


@pytest.mark.parametrize(("stack", "seconds"), [("function", "35"), ("service", "305")])
def test_it_waits_as_long_as_a_call_may_be_silent(synthesised: Synthesised, stack: str, seconds: str) -> None:
    balancer = synthesised.one(stack, "ElasticLoadBalancingV2::LoadBalancer")
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert attributes["idle_timeout.timeout_seconds"] == seconds
    assert balancer["Scheme"] == "internet-facing"

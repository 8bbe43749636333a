"""The Fargate variant."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def test_the_gateway_runs_as_nobody_over_a_file_system_that_is_read_only(synthesised: Synthesised) -> None:
    gateway, collector = synthesised.one("service", "ECS::TaskDefinition")["ContainerDefinitions"]
    assert gateway["ReadonlyRootFilesystem"]
    assert gateway["User"] == "10001"
    assert gateway["MountPoints"] == [
        {"ContainerPath": "/var/lib/penstock", "SourceVolume": "state", "ReadOnly": False}
    ]
    assert gateway["Command"][:3] == ["serve", "--config", "/etc/penstock/penstock.yaml"]
    assert not collector["Essential"]


def test_secrets_are_references(synthesised: Synthesised) -> None:
    gateway = synthesised.one("service", "ECS::TaskDefinition")["ContainerDefinitions"][0]
    assert {one["Name"] for one in gateway["Secrets"]} == {"PENSTOCK_KEYS", "UP_KEY", "PENSTOCK_STORE_PASSWORD"}
    assert not {one["Name"] for one in gateway["Environment"]} & {one["Name"] for one in gateway["Secrets"]}


def test_a_task_that_goes_has_time_for_its_calls(synthesised: Synthesised) -> None:
    gateway = synthesised.one("service", "ECS::TaskDefinition")["ContainerDefinitions"][0]
    group = synthesised.one("service", "ElasticLoadBalancingV2::TargetGroup")
    attributes = {one["Key"]: one["Value"] for one in group["TargetGroupAttributes"]}
    assert attributes["deregistration_delay.timeout_seconds"] == "40"  # listen.drain
    assert gateway["StopTimeout"] == 45
    service = synthesised.one("service", "ECS::Service")
    assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_only_the_balancer_reaches_it(synthesised: Synthesised) -> None:
    rules = [one for one in synthesised.all("service", "EC2::SecurityGroupIngress") if one["FromPort"] == 8400]
    assert len(rules) == 1
    assert "BalancerSecurityGroup" in str(rules[0]["SourceSecurityGroupId"])

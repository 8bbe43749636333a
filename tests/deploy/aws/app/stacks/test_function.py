"""The Lambda variant."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def test_the_function_is_what_the_specification_says(synthesised: Synthesised) -> None:
    function = synthesised.one("function", "Lambda::Function")
    assert (function["MemorySize"], function["Timeout"], function["PackageType"]) == (3008, 30, "Image")
    assert function["Architectures"] == ["arm64"]
    assert function["ImageConfig"]["Command"] == ["lambda", "--config", "/etc/penstock/penstock.yaml"]
    variables = function["Environment"]["Variables"]
    assert variables["PENSTOCK_MEMORY_LIMIT"] == "2800MiB"
    assert function["TracingConfig"] == {"Mode": "Active"}


def test_a_published_version_is_live_and_kept_warm(synthesised: Synthesised) -> None:
    alias = synthesised.one("function", "Lambda::Alias")
    assert alias["Name"] == "live"
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 50}
    assert "FunctionCurrentVersion" in str(alias["FunctionVersion"])


def test_streams_go_by_the_functions_own_url(synthesised: Synthesised) -> None:
    url = synthesised.one("function", "Lambda::Url")
    assert (url["InvokeMode"], url["AuthType"], url["Qualifier"]) == ("RESPONSE_STREAM", "NONE", "live")


def test_its_role_may_read_its_two_secrets_and_trace(synthesised: Synthesised) -> None:
    statements = synthesised.one("function", "IAM::Policy")["PolicyDocument"]["Statement"]
    for one in statements:
        actions = {one["Action"]} if isinstance(one["Action"], str) else set(one["Action"])
        if one["Resource"] == "*":
            assert actions == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
        else:
            assert actions == {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
    named = str([one["Resource"] for one in statements])
    assert ":secret:pen/environment-??????" in named
    assert "StoreSecret" in named

"""Metrics written as lines, and put to a CloudWatch of moto's."""

import asyncio
import json
import logging
from typing import Any

import pytest

from penstock.core.windows import Group, Window
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.cloudwatch.service import CloudWatch
from penstock.scaling.cloudwatch_config import CloudWatchConfig
from tests.support.aws import PlayedAws, client

POOLS = {"gpu": {"desired": 3, "forecast": None}}
WINDOW = Window(0.0, groups=[Group(calls=1, total=2.0, tokens_in=10, tokens_out=100, generating=2.0)])


def test_a_line_of_all_and_one_a_pool() -> None:
    written: list[str] = []
    writer = CloudWatch(lambda: CloudWatchConfig(service="pen"), lambda: POOLS, write=written.append, wall=lambda: 1.0)
    writer.take(WINDOW)
    asyncio.run(writer.round())
    of_all, of_pool = map(json.loads, "".join(written).splitlines())
    assert of_all["TokenRate"] == 50.0
    assert of_all["DesiredReplicas"] == 3.0
    assert "Pool" not in of_all
    assert (of_pool["Pool"], of_pool["DesiredReplicas"]) == ("gpu", 3.0)


def test_switched_off_it_keeps_and_writes_nothing() -> None:
    config: list[CloudWatchConfig | None] = [None]
    written: list[str] = []
    writer = CloudWatch(lambda: config[0], dict, write=written.append)
    writer.take(WINDOW)
    asyncio.run(writer.round())
    config[0] = CloudWatchConfig()
    asyncio.run(writer.round())
    assert written == []


def test_put_reaches_cloudwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    from moto import mock_aws

    with mock_aws():
        writer = CloudWatch(lambda: CloudWatchConfig(by="put", service="pen"), lambda: POOLS, ask=PlayedAws())
        writer.take(WINDOW)
        asyncio.run(writer.round())
        found = client("cloudwatch").list_metrics(Namespace="Penstock")["Metrics"]
    names = {(one["MetricName"], len(one["Dimensions"])) for one in found}
    assert {("Composite", 1), ("DesiredReplicas", 1), ("DesiredReplicas", 2)} <= names


def test_what_aws_does_not_take_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        raise ActuatorError("aws cloudwatch put_metric_data: AccessDenied")

    writer = CloudWatch(lambda: CloudWatchConfig(by="put"), lambda: POOLS, ask=refuse)
    with caplog.at_level(logging.WARNING):
        asyncio.run(writer.round())
        asyncio.run(writer.round())
    assert len([one for one in caplog.records if "AccessDenied" in one.getMessage()]) == 1

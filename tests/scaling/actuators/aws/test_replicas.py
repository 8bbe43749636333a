"""AWS's words as replicas."""

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.scaling.actuators.aws.replicas import Names, of_instance, of_task

MADE, BEGAN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC), datetime(2026, 11, 26, 12, 0, 40, tzinfo=UTC)


def _task(**more: Any) -> dict[str, Any]:
    address = {"details": [{"name": "subnetId", "value": "s"}, {"name": "privateIPv4Address", "value": "10.0.0.7"}]}
    return {"taskArn": "arn:aws:ecs:x:1:task/main/abc", "lastStatus": "RUNNING", "desiredStatus": "RUNNING",
            "createdAt": MADE, "startedAt": BEGAN, "attachments": [address], **more}  # fmt: skip


def test_a_task_that_runs_is_ready_and_tells_how_long_it_took() -> None:
    replica = of_task(_task(), 8000)
    assert replica is not None
    assert (replica.name, replica.address, replica.state, replica.took) == ("abc", "10.0.0.7:8000", "ready", 40.0)
    assert of_task(_task(), None).address == ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"lastStatus": "PENDING", "startedAt": None}, "starting"), ({"lastStatus": "NEWS"}, "starting"),
        ({"healthStatus": "UNHEALTHY"}, "failed"), ({"desiredStatus": "STOPPED"}, "draining"),
        ({"lastStatus": "STOPPING"}, "draining"),
    ],
)  # fmt: skip
def test_a_task_in_another_state(more: dict[str, Any], state: str) -> None:
    replica = of_task(_task(**more), 8000)
    assert replica is not None
    assert replica.state == state


def test_a_task_that_ended_is_none() -> None:
    assert of_task(_task(lastStatus="STOPPED"), 8000) is None


@pytest.mark.parametrize(
    ("life", "health", "state"),
    [
        ("InService", "Healthy", "ready"), ("Pending:Wait", "Healthy", "starting"),
        ("InService", "Unhealthy", "failed"),
        ("Terminating:Wait", "Healthy", "draining"), ("Standby", "Healthy", "draining"),
    ],
)  # fmt: skip
def test_an_instance_is_as_its_group_says(life: str, health: str, state: str) -> None:
    member = {"InstanceId": "i-1", "LifecycleState": life, "HealthStatus": health}
    replica = of_instance(member, {"PrivateIpAddress": "10.0.0.8", "LaunchTime": MADE}, 8000)
    assert (replica.name, replica.address, replica.state) == ("i-1", "10.0.0.8:8000", state)
    assert of_instance(member, None, 8000).address == ""


def test_of_what_has_no_names_the_victims_go_first_and_then_the_newest() -> None:
    names = Names()
    assert [name for name, _ in names.follow(4, 1.0)] == ["sandbox-1", "sandbox-2", "sandbox-3", "sandbox-4"]
    names.doom(["sandbox-2", "nobody"])
    assert [name for name, _ in names.follow(2, 2.0)] == ["sandbox-1", "sandbox-3"]
    assert list(names.follow(3, 3.0)) == [("sandbox-1", 1.0), ("sandbox-3", 1.0), ("sandbox-5", 3.0)]

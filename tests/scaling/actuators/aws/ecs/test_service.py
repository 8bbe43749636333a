"""An ECS service of moto's; protection, which moto lacks, is played."""

import asyncio
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.ecs.service import Ecs
from penstock.scaling.actuators.aws_config import EcsConfig
from tests.support.aws import REGION, PlayedAws, client

CONFIG = EcsConfig(cluster="main", service="vllm", port=8000)


def _service(desired: int, failures: list[dict[str, str]] | None = None) -> tuple[Any, PlayedAws, Ecs]:
    ecs = client("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.register_task_definition(family="vllm", containerDefinitions=[{"name": "c", "image": "x", "memory": 10}])
    ecs.create_service(cluster="main", serviceName="vllm", taskDefinition="vllm", desiredCount=desired)
    aws = PlayedAws(update_task_protection=lambda asked: {"failures": failures or []})
    return ecs, aws, Ecs(CONFIG, aws)


def _tasks(count: int) -> dict[str, Any]:
    """Answers of ECS for so many tasks that run."""
    arns = [f"arn:aws:ecs:{REGION}:1:task/main/t{number}" for number in range(count)]

    def page(asked: dict[str, Any]) -> dict[str, Any]:
        at = int(asked.get("nextToken", 0))
        more = {"nextToken": str(at + 100)} if at + 100 < count else {}
        return {"taskArns": arns[at : at + 100], **more}

    def told(asked: dict[str, Any]) -> dict[str, Any]:
        assert len(asked["tasks"]) <= 100
        return {"tasks": [{"taskArn": arn, "lastStatus": "RUNNING"} for arn in asked["tasks"]]}

    return {"list_tasks": page, "describe_tasks": told}


def test_how_many_are_wanted_is_the_services_and_can_be_changed() -> None:
    async def main() -> None:
        ecs, _, service = _service(2)
        assert (await service.current()).wanted == 2
        await service.want(5)
        (told,) = ecs.describe_services(cluster="main", services=["vllm"])["services"]
        assert told["desiredCount"] == 5
        assert (await service.current()).wanted == 5

    asyncio.run(main())


def test_all_tasks_are_told_however_many() -> None:
    async def main() -> None:
        _, aws, service = _service(250)
        aws.played |= _tasks(250)
        assert len((await service.current()).of("ready")) == 250

    asyncio.run(main())


def test_all_but_the_victims_are_protected_before_it_is_told() -> None:
    async def main() -> None:
        _, aws, service = _service(12)
        aws.played |= _tasks(12)
        await service.want(11, ["t3"])
        protected = [
            asked for name, asked in aws.asked if name == "update_task_protection" and asked["protectionEnabled"]
        ]
        named = {arn.rpartition("/")[2] for asked in protected for arn in asked["tasks"]}
        assert named == {f"t{number}" for number in range(12)} - {"t3"}
        assert all(len(asked["tasks"]) <= 10 and asked["expiresInMinutes"] for asked in protected)
        (free,) = [asked for name, asked in aws.asked
                   if name == "update_task_protection" and not asked["protectionEnabled"]]  # fmt: skip
        assert free["tasks"][0].endswith("/t3")
        assert aws.asked[-1][0] == "update_service"

    asyncio.run(main())


def test_where_protection_fails_nobody_is_stopped() -> None:
    async def main() -> None:
        _, aws, service = _service(3, [{"arn": "t1", "reason": "DEPLOYMENT_BLOCKED"}])
        aws.played |= _tasks(3)
        with pytest.raises(ActuatorError, match="t1 cannot be protected: DEPLOYMENT_BLOCKED"):
            await service.want(2, ["t0"])
        assert "update_service" not in [name for name, _ in aws.asked]

    asyncio.run(main())


def test_a_service_that_is_not_there_is_said() -> None:
    client("ecs").create_cluster(clusterName="main")
    with pytest.raises(ActuatorError, match="service vllm of cluster main: there is no such service"):
        asyncio.run(Ecs(CONFIG, PlayedAws()).current())

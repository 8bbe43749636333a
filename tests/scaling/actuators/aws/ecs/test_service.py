"""An ECS service of moto's; protection, which moto lacks, is played."""

import asyncio
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.ecs.service import Ecs
from penstock.scaling.actuators.aws_config import EcsConfig
from penstock.scaling.size import Size
from tests.support.aws import REGION, PlayedAws, client

GIB = 2**30
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


def _fargate() -> tuple[Any, PlayedAws, Ecs]:
    ecs = client("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.register_task_definition(
        family="vllm", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="1024", memory="2048",
        containerDefinitions=[
            {"name": "c", "image": "x", "memory": 2048, "environment": [{"name": "A", "value": "b"}]},
        ],
        tags=[{"key": "team", "value": "llm"}],
    )  # fmt: skip
    ecs.create_service(cluster="main", serviceName="vllm", taskDefinition="vllm", desiredCount=2)
    aws = PlayedAws()
    return ecs, aws, Ecs(CONFIG, aws, sized=lambda: True)


def test_another_size_is_another_revision_that_the_service_runs() -> None:
    async def main() -> None:
        ecs, aws, service = _fargate()
        standing = await service.current()
        assert (standing.size, standing.can, standing.rolls) == (
            Size(cpu=1.0, memory=2 * GIB),
            ["cpu", "memory"],
            False,
        )
        assert await service.resize(Size(memory=5 * GIB), dry_run=True) == Size(cpu=1.0, memory=5 * GIB)
        assert aws.asked == [], "a dry run"
        assert await service.resize(Size(memory=5 * GIB)) == Size(cpu=1.0, memory=5 * GIB)
        (told,) = ecs.describe_services(cluster="main", services=["vllm"])["services"]
        assert told["taskDefinition"].endswith("vllm:2")
        assert told["desiredCount"] == 2
        made = ecs.describe_task_definition(taskDefinition=told["taskDefinition"], include=["TAGS"])
        assert made["tags"] == [{"key": "team", "value": "llm"}]
        (container,) = made["taskDefinition"]["containerDefinitions"]
        assert (container["memory"], container["environment"]) == (5120, [{"name": "A", "value": "b"}])
        assert (await service.current()).size == Size(cpu=1.0, memory=5 * GIB)
        await service.resize(Size(memory=5 * GIB))
        assert [name for name, _ in aws.asked] == ["register_task_definition", "update_service"], "and not twice"

    asyncio.run(main())


def test_a_deployment_under_way_is_told_and_how_large_a_task_is_only_where_it_is_asked_for() -> None:
    async def main() -> None:
        ecs, aws, service = _fargate()
        (told,) = ecs.describe_services(cluster="main", services=["vllm"])["services"]
        told["deployments"] = [{"status": "PRIMARY"}, {"status": "ACTIVE"}]
        aws.played["describe_services"] = lambda asked: {"services": [told]}
        assert (await service.current()).rolls
        aws.played["describe_task_definition"] = lambda asked: pytest.fail("nobody wants to know")
        assert (await Ecs(CONFIG, aws).current()).can == []

        def denied(asked: object) -> dict[str, Any]:
            raise ActuatorError("AccessDenied")

        aws.played["describe_task_definition"] = denied
        standing = await Ecs(CONFIG, aws, sized=lambda: True).current()
        assert (standing.wanted, standing.unsized) == (2, "AccessDenied"), "scaled all the same"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (Size(slots=4), "service vllm of cluster main: slots cannot be changed: a task has cpu and memory"),
        (Size(cpu=32.0), "service vllm of cluster main: no task of Fargate holds cpu 32, memory 2GiB"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_registered(size: Size, says: str) -> None:
    async def main() -> None:
        _, aws, service = _fargate()
        with pytest.raises(ActuatorError, match=says):
            await service.resize(size)
        assert aws.asked == []

    asyncio.run(main())

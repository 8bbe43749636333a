import re
from typing import Any

import pytest

from penstock.scaling.actuators.aws.ecs.definition import FARGATE, GIB, MIB, fitted, registered, size_of
from penstock.scaling.size import Size


def definition(cpu: str | None = "1024", memory: str | None = "2048", fargate: bool = True, **container: Any) -> Any:
    given = {"cpu": cpu, "memory": memory}
    return {
        "family": "vllm", "revision": 3, "status": "ACTIVE", "taskDefinitionArn": "arn:3",
        "requiresCompatibilities": ["FARGATE"] if fargate else ["EC2"],
        "containerDefinitions": [{"name": "c", "image": "x"} | container],
    } | {key: value for key, value in given.items() if value is not None}  # fmt: skip


def test_a_task_is_as_large_as_its_definition_says() -> None:
    assert size_of(definition()) == Size(cpu=1.0, memory=2 * GIB)
    assert size_of(definition(None, None)) == Size()


@pytest.mark.parametrize(
    ("size", "comes_to"),
    [
        (Size(memory=3 * GIB), Size(cpu=1.0, memory=3 * GIB)),
        (Size(memory=2500 * MIB), Size(cpu=1.0, memory=3 * GIB)),
        (Size(memory=9 * GIB), Size(cpu=2.0, memory=9 * GIB)),
        (Size(cpu=4.0), Size(cpu=4.0, memory=8 * GIB)),
        (Size(cpu=3.0), Size(cpu=4.0, memory=8 * GIB)),
        (Size(cpu=0.25, memory=512 * MIB), Size(cpu=0.25, memory=512 * MIB)),
        (Size(cpu=0.25, memory=600 * MIB), Size(cpu=0.25, memory=GIB)),
        (Size(cpu=16.0, memory=120 * GIB), Size(cpu=16.0, memory=120 * GIB)),
        (Size(cpu=8.0, memory=17 * GIB), Size(cpu=8.0, memory=20 * GIB)),
    ],
)
def test_fargate_has_pairs_and_the_smallest_that_holds_it_is_taken(size: Size, comes_to: Size) -> None:
    assert fitted(definition(), size) == comes_to


def test_every_pair_of_the_table_is_one_that_it_comes_to() -> None:
    for units, memories in FARGATE.items():
        for mib in memories:
            pair = Size(cpu=units / 1024, memory=mib * MIB)
            assert fitted(definition(), pair) == pair


@pytest.mark.parametrize(
    ("given", "size", "says"),
    [
        (definition(), Size(memory=121 * GIB), "no task of Fargate holds cpu 1, memory 121GiB: the largest has 16"),
        (definition(), Size(cpu=17.0), "no task of Fargate holds cpu 17"),
        (definition(None), Size(memory=GIB), "its task definition sets no cpu and memory of the task"),
        (definition(fargate=False), Size(cpu=0.1), "a task has 0.125 cores and 6 MiB at least"),
    ],
)
def test_what_cannot_be_is_said(given: Any, size: Size, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        fitted(given, size)


def test_on_instances_of_ones_own_there_are_no_pairs() -> None:
    assert fitted(definition(fargate=False), Size(cpu=1.5, memory=777 * MIB)) == Size(cpu=1.5, memory=777 * MIB)


def test_what_its_containers_have_grows_with_it_and_what_ecs_adds_is_not_said_again() -> None:
    given = definition() | {"networkMode": "awsvpc"}
    given["containerDefinitions"][0] |= {"cpu": 512, "memory": 1536, "memoryReservation": 1024}
    made = registered(given, Size(cpu=2.0, memory=8 * GIB), [{"key": "team", "value": "llm"}])
    assert made == {
        "family": "vllm", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "2048",
        "memory": "8192", "tags": [{"key": "team", "value": "llm"}],
        "containerDefinitions": [
            {"name": "c", "image": "x", "cpu": 1024, "memory": 6144, "memoryReservation": 4096}
        ],
    }  # fmt: skip
    assert "memory" not in registered(definition(), Size(cpu=2.0, memory=8 * GIB), [])["containerDefinitions"][0]

"""``scaling.pools.<name>.aws``: replicas that are Lambda, ECS or EC2 capacity."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.units import Seconds

KINDS = ("function", "ecs", "group")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]{0,254}", re.ASCII)
_CRON = re.compile(r"(?:cron|at|rate)\([0-9A-Za-z*?,/# :-]{3,80}\)", re.ASCII)


class ScheduleConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="Of the scheduled action.")]
    when: Annotated[
        str, Meta(description="As Application Auto Scaling writes it: `cron(0 7 ? * MON-FRI *)`, `at(...)`.")
    ]
    min: Annotated[int, Meta(ge=0, le=10_000, description="From then on, at least.")]
    max: Annotated[int, Meta(ge=1, le=10_000, description="From then on, at most.")]
    time_zone: Annotated[str, Meta(min_length=1, description="In which `when` is meant.")] = "Etc/UTC"


class FunctionConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="The Lambda function.")]
    alias: Annotated[str, Meta(description="Its alias; provisioned concurrency is of one.")] = "live"
    track: Annotated[
        float | None,
        Meta(
            gt=0,
            le=0.9,
            description="Above what the pool wants, Application Auto Scaling keeps its use at this share; unset: it has"
            " exactly what the pool wants.",
        ),
    ] = 0.7
    schedules: Annotated[
        list[ScheduleConfig], Meta(description="Bounds by the clock, which hold until the pool wants another number.")
    ] = field(default_factory=list)


class EcsConfig(Struct, frozen=True, kw_only=True):
    cluster: Annotated[str, Meta(description="The ECS cluster.")]
    service: Annotated[str, Meta(description="Its service, whose tasks are the replicas.")]
    port: Annotated[
        int | None,
        Meta(ge=1, le=65535, description="Their port: then each is an instance of the upstream. Unset: a balancer's."),
    ] = None


class GroupConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="The EC2 Auto Scaling group, whose instances are the replicas.")]
    port: Annotated[
        int | None,
        Meta(ge=1, le=65535, description="Their port: then each is an instance of the upstream. Unset: a balancer's."),
    ] = None


class AwsConfig(Struct, frozen=True, kw_only=True):
    function: Annotated[
        FunctionConfig | None, Meta(description="A replica is one of a Lambda function's provisioned concurrency.")
    ] = None
    ecs: Annotated[EcsConfig | None, Meta(description="A replica is a task of an ECS service.")] = None
    group: Annotated[GroupConfig | None, Meta(description="A replica is an instance of an Auto Scaling group.")] = None
    region: Annotated[str | None, Meta(description="Unset: as AWS's own tools find it.")] = None
    interval: Annotated[Seconds, Meta(ge=1, le=300, description="Look at what stands this often.")] = 10.0
    timeout: Annotated[Seconds, Meta(ge=1, le=60, description="So long AWS may take to answer.")] = 10.0

    @property
    def tells(self) -> bool:
        """Whether its replicas have addresses that only AWS knows."""
        return any(one is not None and one.port is not None for one in (self.ecs, self.group))

    def check(self) -> Iterator[Finding]:
        if sum(getattr(self, name) is not None for name in KINDS) != 1:
            yield (), "aws needs one of function, ecs and group"
        if self.region is not None and not _REGION.fullmatch(self.region):
            yield ("region",), "region must be one of AWS, such as eu-west-1"
        for name in KINDS:
            part = getattr(self, name)
            for key in ("name", "alias", "cluster", "service"):
                if not _NAME.fullmatch(getattr(part, key, "a") or ""):
                    yield (name, key), f"{key} must be a name of AWS"
        for number, one in enumerate(self.function.schedules if self.function is not None else ()):
            if not _CRON.fullmatch(one.when):
                yield (
                    ("function", "schedules", number),
                    f"schedules[{number}].when must be cron(...), at(...) or rate(...)",
                )
            if one.min > one.max:
                yield ("function", "schedules", number), f"schedules[{number}].min must not be more than max"
        if importlib.util.find_spec("boto3") is None:
            yield (), "aws needs the extra aws: pip install 'penstock[aws]'"

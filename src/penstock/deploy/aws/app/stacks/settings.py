"""settings.toml as typed values. It holds every number of this app; the other files hold none."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as appscaling


@dataclass(frozen=True)
class Schedule:
    """Bounds that hold from a moment on: ``cron`` as AWS writes it, in ``time_zone``."""

    name: str
    cron: str
    min: int
    max: int
    time_zone: str = "Etc/UTC"

    @property
    def expression(self) -> appscaling.Schedule:
        return appscaling.Schedule.expression(f"cron({self.cron})")

    @property
    def zone(self) -> cdk.TimeZone:
        return cdk.TimeZone.of(self.time_zone)


@dataclass(frozen=True)
class FunctionSettings:
    """The Lambda function. Seconds, MB; ``min`` and ``max``: provisioned concurrency."""

    memory: int
    timeout: int
    min: int
    max: int
    streams: bool
    url_auth: str
    schedules: list[Schedule]


@dataclass(frozen=True)
class ServiceSettings:
    """The Fargate service. ``cpu``: units, 1024 a core; ``memory``: MiB; ``min`` and ``max``: tasks; seconds."""

    cpu: int
    memory: int
    min: int
    max: int
    port: int
    drain: int
    idle: int
    schedules: list[Schedule]


@dataclass(frozen=True)
class StoreSettings:
    """A Valkey cache of ElastiCache."""

    node: str
    nodes: int


@dataclass(frozen=True)
class ScalingSettings:
    """``utilisation``: share; seconds; ``steps``: of the composite metric, each upper end (0: none) and its change."""

    utilisation: float
    composite: float
    cooldown_out: int
    cooldown_in: int
    cooldown_steps: int
    steps: list[list[float]]


@dataclass(frozen=True)
class Settings:
    """See settings.toml, which says what each means."""

    name: str
    architecture: str
    vpc: str
    internal: bool
    certificate: str
    secret: str
    secret_names: list[str]
    environment: dict[str, str]
    namespace: str
    tracing: bool
    alarm_email: str
    scaling: ScalingSettings
    store: StoreSettings | None = None
    function: FunctionSettings | None = None
    service: ServiceSettings | None = None

    @property
    def arm(self) -> bool:
        return self.architecture == "arm64"

    @property
    def env(self) -> cdk.Environment | None:
        """Where it is deployed: needed only to look up a VPC that is there already."""
        if not self.vpc:
            return None
        return cdk.Environment(
            account=os.environ.get("CDK_DEFAULT_ACCOUNT", "000000000000"),
            region=os.environ.get("CDK_DEFAULT_REGION", "us-east-1"),
        )


_PARTS: dict[str, type[Any]] = {
    "scaling": ScalingSettings, "store": StoreSettings, "function": FunctionSettings, "service": ServiceSettings,
}  # fmt: skip


def load(path: Path) -> Settings:
    """The settings in the file. Raises ValueError that names what is wrong."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, part in _PARTS.items():
        if name in raw:
            if part in (FunctionSettings, ServiceSettings):
                times = [_made(Schedule, one, f"[[{name}.schedules]]") for one in raw[name].get("schedules", [])]
                raw[name]["schedules"] = times
            raw[name] = _made(part, raw[name], f"[{name}]")
    settings: Settings = _made(Settings, raw, path.name)
    if settings.function is None and settings.service is None:
        raise ValueError(f"{path.name}: neither [function] nor [service]: nothing would be deployed")
    if not settings.internal and not settings.certificate:
        raise ValueError(f"{path.name}: keys would cross the internet in plain text: set certificate, or internal")
    return settings


def _made(part: type[Any], values: dict[str, Any], where: str) -> Any:
    known = {field.name for field in fields(part)}
    if strange := sorted(values.keys() - known):
        raise ValueError(f"{where}: {', '.join(strange)}: there is no such setting")
    try:
        return part(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None

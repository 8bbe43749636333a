"""The ``scaling`` section: pools of replicas, who starts and ends them, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Seconds
from penstock.scaling.actuators.aws_config import AwsConfig
from penstock.scaling.actuators.kubernetes_config import KubernetesConfig
from penstock.scaling.actuators.local_config import LocalConfig
from penstock.scaling.actuators.ray_config import RayConfig
from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.cloudwatch_config import CloudWatchConfig
from penstock.scaling.keda_config import KedaConfig
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.vertical_config import VerticalConfig

ACTUATORS = ("local", "ray", "kubernetes", "aws", "signal")
MOST_POOLS = 64


class HoldConfig(Struct, frozen=True, kw_only=True):
    calls: Annotated[int, Meta(ge=0, le=100_000, description="Calls that may wait at once, of each worker.")] = 64
    seconds: Annotated[Seconds, Meta(ge=0, le=600, description="So long each may wait; then it is told to retry.")] = (
        60.0
    )


class PoolConfig(Struct, frozen=True, kw_only=True):
    min: Annotated[int, Meta(ge=0, le=10_000, description="Replicas that always stand.")] = 1
    max: Annotated[int, Meta(ge=1, le=10_000, description="Replicas that may stand.")] = 1
    policy: Annotated[PolicyConfig, Meta(description="How many there should be, and when.")] = PolicyConfig()
    drain: Annotated[
        Seconds,
        Meta(ge=0, description="So long a replica that must go may end its calls; then others finish them for it."),
    ] = 60.0
    dry_run: Annotated[bool, Meta(description="Say what would be done and why, and do nothing.")] = False
    hold: Annotated[
        HoldConfig, Meta(description="Calls that come while no replica serves have one started, and wait.")
    ] = HoldConfig()
    vertical: Annotated[
        VerticalConfig, Meta(description="How large each replica is, where who runs them can change that.")
    ] = VerticalConfig()
    local: Annotated[LocalConfig | None, Meta(description="Replicas are processes of this machine.")] = None
    ray: Annotated[RayConfig | None, Meta(description="Replicas are actors of a Ray cluster.")] = None
    kubernetes: Annotated[KubernetesConfig | None, Meta(description="Replicas are pods of a workload.")] = None
    aws: Annotated[AwsConfig | None, Meta(description="Replicas are Lambda, ECS or EC2 capacity.")] = None
    signal: Annotated[
        SignalConfig | None, Meta(description="Only publish how many there should be: others read and act.")
    ] = None

    def check(self) -> Iterator[Finding]:
        named = [name for name in ACTUATORS if getattr(self, name) is not None]
        if len(named) != 1:
            told = " and ".join(named) or "none"
            yield (), f"a pool needs one of {', '.join(ACTUATORS[:-1])} and {ACTUATORS[-1]}, and has {told}"
        if self.min > self.max:
            yield ("min",), "min must not be more than max"
        if self.local is not None and not self.local.command and not self.min:
            yield ("min",), "the embedded engine keeps one replica at least"
        if self.local is not None and (room := self.local.room()) is not None and room < self.max:
            yield ("max",), f"max is {self.max}, and the GPUs that are named carry {room} replicas"
        for place, schedule in enumerate(self.policy.schedules):
            where = ("policy", "schedules", place)
            if schedule.min is not None and schedule.min > self.max:
                yield (*where, "min"), f"a schedule's min, {schedule.min}, is more than the pool's max, {self.max}"
            if schedule.max is not None and schedule.max < self.min:
                yield (*where, "max"), f"a schedule's max, {schedule.max}, is less than the pool's min, {self.min}"

    @property
    def starts(self) -> bool:
        """Whether its replicas are started by us, and their addresses known by that alone."""
        by_ray = self.ray is not None and self.ray.serve is None
        by_aws = self.aws is not None and self.aws.tells
        return by_ray or by_aws or (self.local is not None and bool(self.local.command))

    @property
    def actuator(self) -> tuple[str, Any]:
        """Its name and its settings."""
        return next((name, one) for name in ACTUATORS if (one := getattr(self, name)) is not None)


class ForecastConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[
        bool, Meta(description="Forecast the load of models and pools, one to 120 minutes ahead. Needs numpy.")
    ] = True
    models: Annotated[
        int, Meta(ge=0, le=500, description="Models that are forecast at most; each takes 6 MB of the first worker.")
    ] = 16


class ScalingConfig(Struct, frozen=True, kw_only=True):
    pools: Annotated[
        dict[str, PoolConfig],
        Meta(
            description="By the name of the upstream that the replicas serve as. Those of `local` with a command and of"
            " `ray` need `discover: {scaling: true}` there."
        ),
    ] = field(default_factory=dict)
    interval: Annotated[Seconds, Meta(ge=0.1, le=60, description="Decide this often.")] = 1.0

    forecast: Annotated[ForecastConfig, Meta(description="What load will come.")] = ForecastConfig()
    keda: Annotated[KedaConfig | None, Meta(description="Tell KEDA over gRPC how many there should be.")] = None

    cloudwatch: Annotated[
        CloudWatchConfig | None, Meta(description="Write what AWS scales by as metrics of CloudWatch.")
    ] = None

    def check(self) -> Iterator[Finding]:
        if len(self.pools) > MOST_POOLS:
            yield ("pools",), f"at most {MOST_POOLS} pools"

    def check_upstreams(self, upstreams: Mapping[str, Any]) -> Iterator[Finding]:
        """What does not fit the upstreams as they are configured."""
        for name, pool in self.pools.items():
            upstream = upstreams.get(name)
            place = ("scaling", "pools", name)
            if upstream is None:
                near = suggest(name, list(upstreams))
                yield place, f'pool "{name}" is of no upstream: its name must be that of one{near}'
                continue
            if pool.policy.ceiling is not None and not upstream.price.second:
                yield (*place, "policy", "ceiling"), f"a ceiling needs a price: upstreams.{name}.price.second"
            if pool.local is not None and not pool.local.command and upstream.kind != "local":
                says = f'"local" needs a command: "{name}" is of kind {upstream.kind}, and only kind local is embedded'
                yield (*place, "local"), says
                continue
            found = upstream.discover is not None and upstream.discover.scaling
            if pool.starts != found:
                says = "needs" if pool.starts else "must not have"
                yield place, f'upstream "{name}" {says} "discover: {{scaling: true}}" for this pool'
        for name, upstream in upstreams.items():
            if upstream.discover is not None and upstream.discover.scaling and name not in self.pools:
                yield ("upstreams", name, "discover"), f'"scaling" needs a pool: scaling.pools.{name}'

"""``upstreams``, ``models``, ``timeouts`` and ``retries``: what stands behind, and which callers' names lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Seconds
from penstock.routing.affinity_config import AffinityConfig, InstanceScoreConfig, ScrapeConfig
from penstock.routing.canary_config import CanaryConfig
from penstock.routing.capabilities import UNKNOWN, Capabilities
from penstock.routing.health_config import HealthConfig
from penstock.routing.hedge_config import HedgeConfig
from penstock.routing.upstream_config import UpstreamConfig

Strategy = Literal[
    "round_robin",
    "weighted_round_robin",
    "least_connections",
    "ip_hash",
    "consistent_hash",
    "response_time",
    "instance_score",
    "predictive",
    "prefix",
    "cost",
    "adaptive",
]

_UPSTREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MODEL_NAME = re.compile(r"[!-~]{1,256}", re.ASCII)


class ModelConfig(Struct, frozen=True, kw_only=True):
    upstreams: Annotated[list[str], Meta(description="Names from `upstreams` that can answer.")]
    upstream_model: Annotated[
        str | None,
        Meta(
            min_length=1,
            description="The name it has there. Unset: the same; `*`: what the star of this model's name stood for.",
        ),
    ] = None
    strategy: Annotated[Strategy, Meta(description="How one of the upstreams is chosen.")] = "adaptive"
    fallbacks: Annotated[list[str], Meta(description="Models asked in turn when none of the upstreams can answer.")] = (
        field(default_factory=list)
    )
    max_tokens: Annotated[int | None, Meta(ge=1, description="Set in calls that give no limit themselves.")] = None
    regions: Annotated[
        list[str],
        Meta(description="Only upstreams in these may have its data, whichever model answers in the end; none: any."),
    ] = field(default_factory=list)
    canary: Annotated[
        CanaryConfig | None,
        Meta(description="A new version on trial: it gets a share of the calls, and is taken back when it is worse."),
    ] = None

    capabilities: Annotated[
        Capabilities,
        Meta(description="A fallback that lacks what a call needs is passed over. Unset: unknown, and tried."),
    ] = UNKNOWN

    @property
    def everywhere(self) -> list[str]:
        """All upstreams that may serve it, in any version."""
        return [*self.upstreams, *([] if self.canary is None else self.canary.upstreams)]


class TimeoutsConfig(Struct, frozen=True, kw_only=True):
    connect: Annotated[Seconds, Meta(gt=0, description="Name resolved, connected, TLS spoken.")] = 5.0
    first_token: Annotated[Seconds, Meta(gt=0, description="From the request sent to a stream's first event.")] = 30.0
    idle: Annotated[Seconds, Meta(gt=0, description="Between two events of a stream.")] = 30.0
    total: Annotated[
        Seconds, Meta(gt=0, description="The whole call, with all attempts; of a realtime session its opening.")
    ] = 600.0


class RetriesConfig(Struct, frozen=True, kw_only=True):
    max: Annotated[int, Meta(ge=0, le=10, description="Attempts after the first.")] = 2
    budget: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Retries may add at most this share to the calls of a model, and some more while there are few"
            " (10 a second); 0: none are made. Per worker.",
        ),
    ] = 0.2


class RoutingConfig(Struct, frozen=True, kw_only=True):
    upstreams: Annotated[
        dict[str, UpstreamConfig], Meta(description="Model servers and providers, by a name of your choice.")
    ] = field(default_factory=dict)
    models: Annotated[
        dict[str, ModelConfig],
        Meta(description="What callers may ask for: a name, a prefix with a star (`fb-*`), or `*`."),
    ] = field(default_factory=dict)
    timeouts: Annotated[TimeoutsConfig, Meta(description="How long each step of a call may take.")] = TimeoutsConfig()
    retries: Annotated[RetriesConfig, Meta(description="When an upstream fails before it answers.")] = RetriesConfig()
    hedge: Annotated[HedgeConfig, Meta(description="A second upstream for calls whose first is late.")] = HedgeConfig()
    health: Annotated[HealthConfig, Meta(description="When an upstream is left alone.")] = HealthConfig()
    regions: Annotated[
        list[str],
        Meta(
            description="Regions in the order of their nearness to this gateway: the nearest that is well serves. One"
            " that is not named is the farthest."
        ),
    ] = field(default_factory=list)
    affinity: Annotated[AffinityConfig, Meta(description="Calls go where their context is cached.")] = AffinityConfig()
    instance_score: Annotated[
        InstanceScoreConfig, Meta(description="Points of the strategy `instance_score`; each upstream starts at 100.")
    ] = InstanceScoreConfig()
    scrape: Annotated[
        ScrapeConfig,
        Meta(description="The metrics pages of model servers: what others ask of them, how full their KV cache is."),
    ] = ScrapeConfig()
    rescue: Annotated[
        Literal["on", "off", "all"],
        Meta(
            description="Whether a streamed answer whose upstream breaks is finished by another, within `retries.max`. "
            "`all`: calls without a stream too: their upstreams are asked for one, which is collected."
        ),
    ] = "on"

    @classmethod
    def usual(cls, environ: Mapping[str, str], extras: frozenset[str], own_port: int) -> RoutingConfig:
        """What to offer on a machine without a config file."""
        from penstock.routing.usual import usual

        return usual(environ, extras, own_port)

    def check(self) -> Iterator[Finding]:
        for name, upstream in self.upstreams.items():
            if not _UPSTREAM_NAME.fullmatch(name):
                yield ("upstreams", name), f'the upstream name "{name[:64]}" may hold letters, digits and . _ - only'
            if upstream.health.of(upstream.kind) == "token" and not self.probe_model(name):
                yield (
                    ("upstreams", name, "health", "probe"),
                    f'upstream "{name}": probe token needs health.model: no model leads there under one name',
                )
        for name, model in self.models.items():
            yield from self._check_model(name, model)
        yield from self._check_regions()
        yield from self._check_cycles()

    def probe_model(self, upstream: str) -> str:
        """What is asked of ``upstream`` for one token; "" when that is not known."""
        if self.upstreams[upstream].health.model:
            return self.upstreams[upstream].health.model or ""
        for pattern, model in self.models.items():
            name = model.upstream_model or pattern
            if upstream in model.upstreams and not name.endswith("*"):
                return name
        return ""

    def _check_regions(self) -> Iterator[Finding]:
        for position, region in enumerate(self.regions):
            if region in self.regions[:position]:
                yield ("regions", position), f'region "{region}" is listed twice'
        there = {upstream.region for upstream in self.upstreams.values() if upstream.region}
        for name, model in self.models.items():
            for position, region in enumerate(model.regions):
                if region not in there:
                    hint = suggest(region, sorted(there))
                    yield (
                        ("models", name, "regions", position),
                        f'model "{name}": no upstream is in region "{region}"{hint}',
                    )
            if model.regions and model.upstreams and not self._has_one_within(model, model.regions):
                yield ("models", name, "regions"), f'model "{name}": all its upstreams are outside its regions'
            for position, fallback in enumerate(model.fallbacks):
                entry = self.entry(fallback)
                if model.regions and entry is not None and not self._has_one_within(self.models[entry], model.regions):
                    yield (
                        ("models", name, "fallbacks", position),
                        f'model "{name}": fallback "{fallback}" has no upstream in the regions of "{name}"',
                    )

    def _has_one_within(self, model: ModelConfig, regions: list[str]) -> bool:
        """Whether an upstream of ``model`` stands in ``regions`` (and in its own)."""
        return any(
            known.region in regions and (not model.regions or known.region in model.regions)
            for name in model.upstreams
            if (known := self.upstreams.get(name)) is not None
        )

    def _check_model(self, name: str, model: ModelConfig) -> Iterator[Finding]:
        at = ("models", name)
        if not _MODEL_NAME.fullmatch(name):
            yield at, f"the model name {name[:64]!r} must be printable ASCII without spaces"
        elif "*" in name[:-1]:
            yield at, f'in the model name "{name}" a star may only stand at the end'
        if not model.upstreams:
            yield (*at, "upstreams"), f'model "{name}" has no upstream'
        canary = model.canary
        if canary is not None:
            for position, upstream in enumerate(canary.upstreams):
                if upstream not in self.upstreams:
                    hint = suggest(upstream, list(self.upstreams)) or f"; known are {_listed(self.upstreams)}"
                    yield (*at, "canary", "upstreams", position), f'unknown upstream "{upstream}"{hint}'
            if canary.upstream_model in (None, model.upstream_model) and set(canary.upstreams) <= set(model.upstreams):
                yield (*at, "canary"), f'model "{name}": its canary is what it is itself'
        for position, upstream in enumerate(model.upstreams):
            if upstream not in self.upstreams:
                hint = suggest(upstream, list(self.upstreams)) or f"; known are {_listed(self.upstreams)}"
                yield (*at, "upstreams", position), f'model "{name}": unknown upstream "{upstream}"{hint}'
            elif upstream in model.upstreams[:position]:
                yield (*at, "upstreams", position), f'model "{name}": upstream "{upstream}" is listed twice'
        target = model.upstream_model
        if target is not None and "*" in target:
            if target != "*":
                yield (*at, "upstream_model"), f'model "{name}": upstream_model is a name or a lone *'
            elif not name.endswith("*"):
                yield (*at, "upstream_model"), f'model "{name}": upstream_model * needs a star in the model\'s name'
        for position, fallback in enumerate(model.fallbacks):
            if self.entry(fallback) is None:
                hint = suggest(fallback, list(self.models)) or f"; known are {_listed(self.models)}"
                yield (*at, "fallbacks", position), f'model "{name}": unknown fallback "{fallback}"{hint}'

    def entry(self, model: str) -> str | None:
        """The key of ``models`` that ``model`` leads to: itself, else the longest prefix with a star."""
        if model in self.models:
            return model
        stars = [key for key in self.models if key.endswith("*") and model.startswith(key[:-1])]
        return max(stars, key=len, default=None)

    def _check_cycles(self) -> Iterator[Finding]:
        """Walk the fallbacks depth first; an edge back onto the path walked is a circle, told once."""
        edges = {
            name: [entry for fallback in model.fallbacks if (entry := self.entry(fallback)) is not None]
            for name, model in self.models.items()
        }
        cleared: set[str] = set()
        for start in edges:
            path = {} if start in cleared else {start: iter(edges[start])}
            while path:
                name, ahead = next(reversed(path.items()))
                following = next(ahead, None)
                if following is None:
                    cleared.add(name)
                    del path[name]
                elif following in path:
                    walked = list(path)
                    circle = " -> ".join([*walked[walked.index(following) :], following])
                    yield ("models", following, "fallbacks"), f"fallbacks go in a circle: {circle}"
                elif following not in cleared:
                    path[following] = iter(edges[following])


def _listed(names: dict[str, UpstreamConfig] | dict[str, ModelConfig]) -> str:
    return ", ".join(sorted(names)[:12]) + (", …" if len(names) > 12 else "") if names else "none"

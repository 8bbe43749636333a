"""``upstreams``, ``models``, ``timeouts`` and ``retries``: what stands behind, and which callers' names lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from penstock.core.scalars import suggest
from penstock.core.settings import Finding
from penstock.core.units import Seconds
from penstock.routing.capabilities import UNKNOWN, Capabilities
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


class CanaryConfig(Struct, frozen=True, kw_only=True):
    share: Annotated[float, Meta(gt=0, lt=1, description="Of the calls; sessions stay with one version.")] = 0.05
    upstream_model: Annotated[
        str | None, Meta(min_length=1, description="The new version's name there. Unset: as the model's own.")
    ] = None
    upstreams: Annotated[list[str], Meta(description="Where it is served. Empty: where the model is.")] = field(
        default_factory=list
    )
    errors: Annotated[float, Meta(ge=0, le=1, description="It may fail in this share of calls more.")] = 0.02
    slower: Annotated[float, Meta(ge=0, le=100, description="It may take this share of time more.")] = 0.2
    dislikes: Annotated[float, Meta(ge=0, le=1, description="It may be disliked in this share of feedback more.")] = (
        0.05
    )
    least_calls: Annotated[int, Meta(ge=8, description="It is not called fit before so many calls.")] = 200
    promote: Annotated[
        bool, Meta(description="Give it all calls once it is fit. Otherwise it is reported, and you decide.")
    ] = False


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
    budget: Annotated[float, Meta(ge=0, le=1, description="Retries may add at most this share to the load.")] = 0.2


class AffinityConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether a session stays at the upstream that has its context.")] = True
    ttl: Annotated[Seconds, Meta(gt=0, description="A session that is silent for this long is forgotten.")] = 3600.0
    sessions: Annotated[int, Meta(ge=1, le=10_000_000, description="Sessions remembered, per worker.")] = 100_000
    slack: Annotated[
        Seconds, Meta(ge=0, description="A session leaves an upstream that is slower than the best by more than this.")
    ] = 2.0
    max_load: Annotated[
        float, Meta(gt=0, le=1, description="So it does from this share of the upstream's `capacity` on.")
    ] = 0.9
    blocks: Annotated[
        int,
        Meta(ge=1024, le=10_000_000, description="Pieces of prompts remembered as cached somewhere, per worker."),
    ] = 200_000


class ScrapeConfig(Struct, frozen=True, kw_only=True):
    enabled: Annotated[bool, Meta(description="Whether they are read at all.")] = True
    interval: Annotated[
        Seconds, Meta(ge=0.1, le=10, description="Each is read about this often; what it told holds for 15 s.")
    ] = 2.0
    timeout: Annotated[Seconds, Meta(gt=0, le=10, description="One that takes longer is ignored.")] = 1.0


class InstanceScoreConfig(Struct, frozen=True, kw_only=True):
    load: Annotated[float, Meta(ge=0, le=1000, description="Lost by one whose whole `capacity` is in use.")] = 50.0
    response_time: Annotated[float, Meta(ge=0, le=1000, description="The most that a slow one loses.")] = 30.0
    response_step: Annotated[
        Seconds, Meta(gt=0, description="A point is lost for each of these that its first token takes.")
    ] = 0.01
    memory: Annotated[float, Meta(ge=0, le=1000, description="Lost by one whose KV cache is full.")] = 20.0
    session: Annotated[
        float,
        Meta(ge=0, le=1000, description="Gained where the session's context is, or without one most of the prompt."),
    ] = 15.0
    model: Annotated[float, Meta(ge=0, le=1000, description="Gained where the model was asked for lately.")] = 10.0


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
        for name in self.upstreams:
            if not _UPSTREAM_NAME.fullmatch(name):
                yield ("upstreams", name), f'the upstream name "{name[:64]}" may hold letters, digits and . _ - only'
        for name, model in self.models.items():
            yield from self._check_model(name, model)
        yield from self._check_cycles()

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

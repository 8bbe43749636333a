"""``upstreams``, ``models``, ``timeouts`` and ``retries``: what stands behind, and which callers' names lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from penstock.core.scalars import suggest
from penstock.core.shapes import ReadableFile, Secret, SecretUrl
from penstock.core.units import Seconds
from penstock.routing.strategies import STRATEGIES

Kind = Literal[
    "openai", "anthropic", "gemini", "bedrock", "azure", "vllm", "sglang", "ollama", "llamacpp", "local", "echo"
]
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
Finding = tuple[tuple[str | int, ...], str]

BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "ollama": "http://127.0.0.1:11434/v1",
}
"""Where kinds that have one usual address live."""

_IN_PROCESS = ("local", "echo")
_ONLY_FOR = {
    "model": "local",
    "replicas": "local",
    "threads": "local",
    "context": "local",
    "tokens_per_second": "echo",
    "region": "bedrock",
}
_UPSTREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MODEL_NAME = re.compile(r"[!-~]{1,256}", re.ASCII)
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_FIELD_VALUE = re.compile(r"[ -~\t]*", re.ASCII)
_FRAMING = {
    *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"),
    *("proxy-connection", "proxy-authorization"),
}


class ReplicasConfig(Struct, frozen=True, kw_only=True):
    min: Annotated[int, Meta(ge=0, le=64, description="Engines that always run.")] = 1
    max: Annotated[int, Meta(ge=1, le=64, description="Engines that may run.")] = 1

    def check(self) -> Iterator[Finding]:
        if self.min > self.max:
            yield ("min",), "min must not be more than max"


class UpstreamConfig(Struct, frozen=True, kw_only=True):
    kind: Annotated[Kind, Meta(description="What stands there, and so how it is spoken to.")]
    base_url: Annotated[
        str | None,
        Meta(description="Its API's address, up to and including `/v1`. Unset: the kind's usual one, if it has one."),
    ] = None
    api_key: Annotated[Secret | None, Meta(description="The key that Penstock shows to it.")] = None
    weight: Annotated[int, Meta(ge=1, le=10_000, description="Its share, against the others of a model.")] = 1
    headers: Annotated[dict[str, Secret], Meta(description="Header fields added to every request to it.")] = field(
        default_factory=dict
    )
    proxy: Annotated[SecretUrl | None, Meta(description="Reach it through this HTTP proxy.")] = None
    ca_file: Annotated[
        ReadableFile | None, Meta(description="Trust these certificate authorities (PEM) instead of the system's.")
    ] = None
    client_cert: Annotated[ReadableFile | None, Meta(description="Certificate and key (one PEM file) shown to it.")] = (
        None
    )
    verify: Annotated[bool, Meta(description="Check its TLS certificate.")] = True
    region: Annotated[str | None, Meta(min_length=1, description="Cloud region (kind `bedrock`).")] = None
    max_connections: Annotated[int, Meta(ge=1, description="Connections to it, per worker.")] = 1024
    queue: Annotated[int, Meta(ge=0, description="Calls that may wait for a connection, per worker.")] = 4096
    max_idle: Annotated[Seconds, Meta(gt=0, description="An unused connection is retired after this.")] = 60.0
    max_age: Annotated[Seconds, Meta(gt=0, description="A connection takes no new call after this.")] = 600.0
    model: Annotated[str | None, Meta(min_length=1, description="Which model to run (kind `local`).")] = None
    replicas: Annotated[ReplicasConfig, Meta(description="How many engines to run (kind `local`).")] = ReplicasConfig()
    threads: Annotated[int | None, Meta(ge=1, le=1024, description="CPU threads an engine (kind `local`).")] = None
    context: Annotated[int | None, Meta(ge=128, description="Tokens of context an engine (kind `local`).")] = None
    tokens_per_second: Annotated[
        float, Meta(ge=0, description="Pace of a streamed answer (kind `echo`); 0 is as fast as it goes.")
    ] = 0.0

    @property
    def url(self) -> str:
        """The effective base URL without a slash at its end; empty for the kinds that run in here."""
        return (self.base_url or BASE_URLS.get(self.kind, "")).rstrip("/")

    def check(self) -> Iterator[Finding]:
        for name, kind in _ONLY_FOR.items():
            default = ReplicasConfig() if name == "replicas" else 0.0 if name == "tokens_per_second" else None
            if self.kind != kind and getattr(self, name) != default:
                yield (name,), f'"{name}" is only for kind {kind}, not for {self.kind}'
        if self.kind in _IN_PROCESS:
            if self.base_url is not None:
                yield ("base_url",), f"kind {self.kind} runs in here and has no base_url"
        elif self.base_url is not None:
            yield from _check_url("base_url", self.base_url)
        elif self.kind == "bedrock":
            if self.region is None:
                yield ("region",), "kind bedrock needs a region or a base_url"
        elif self.kind not in BASE_URLS:
            yield ("base_url",), f'kind {self.kind} needs a base_url, such as "http://10.0.0.1:8000/v1"'
        if self.proxy is not None:
            yield from _check_url("proxy", self.proxy, userinfo=True)
        yield from self._check_headers()

    def _check_headers(self) -> Iterator[Finding]:
        for name, value in self.headers.items():
            if not _FIELD_NAME.fullmatch(name):
                yield ("headers", name), f'"{name[:64]}" is not a header field name'
            elif name.lower() in _FRAMING:
                yield ("headers", name), f'the header field "{name}" belongs to the connection and cannot be set'
            elif not _FIELD_VALUE.fullmatch(value):
                yield ("headers", name), f'the value of header field "{name}" must be printable ASCII'
        if self.api_key is not None and not (_FIELD_VALUE.fullmatch(self.api_key) and self.api_key.strip()):
            yield ("api_key",), "api_key must be printable ASCII"


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
        for position, upstream in enumerate(model.upstreams):
            if upstream not in self.upstreams:
                hint = suggest(upstream, list(self.upstreams)) or f"; known are {_listed(self.upstreams)}"
                yield (*at, "upstreams", position), f'model "{name}": unknown upstream "{upstream}"{hint}'
            elif upstream in model.upstreams[:position]:
                yield (*at, "upstreams", position), f'model "{name}": upstream "{upstream}" is listed twice'
        if model.strategy not in STRATEGIES:
            yield (*at, "strategy"), f'model "{name}": strategy {model.strategy} is not offered by this version'
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


def _check_url(name: str, url: str, userinfo: bool = False) -> Iterator[Finding]:
    """Never repeats the URL: it may carry a password, or come from the environment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        yield (name,), f"{name} is not a URL"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or not _FIELD_VALUE.fullmatch(url) or " " in url:
        yield (name,), f"{name} must be http://host… or https://host…"
    elif "@" in parts.netloc and not userinfo:
        yield (name,), f"{name} must not hold a user name or password; use api_key or headers"
    elif "?" in url or "#" in url:
        yield (name,), f"{name} must end with its path: no query (?) and no fragment (#)"

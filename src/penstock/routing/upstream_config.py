"""One entry of ``upstreams``: what stands there, how it is reached and spoken to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.shapes import ReadableFile, Secret, SecretUrl
from penstock.core.units import Seats, Seconds
from penstock.routing.discovery.config import DiscoverConfig
from penstock.routing.discovery.instances import parse_address
from penstock.routing.health_config import ProbeConfig

Kind = Literal[
    "openai", "anthropic", "gemini", "bedrock", "azure", "vllm", "sglang", "ollama", "llamacpp", "local", "echo"
]
BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "ollama": "http://127.0.0.1:11434/v1",
}
"""Where kinds that have one usual address live."""

_METRICS = dict.fromkeys(("vllm", "sglang", "llamacpp", "local"), "/metrics")
"""Where kinds that have a metrics page have it, from the root of the server."""
_IN_PROCESS = ("local", "echo")
_ONLY_FOR = {
    "model": "local",
    "replicas": "local",
    "threads": "local",
    "context": "local",
    "slots": "local",
    "tokens_per_second": "echo",
}
MOST_KEYS = 64
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_PATH = re.compile(r"/[!-~]{0,255}", re.ASCII)
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


class PriceConfig(Struct, frozen=True, kw_only=True):
    input: Annotated[float, Meta(ge=0, le=1e6, description="For those of prompts.")] = 0.0
    output: Annotated[float, Meta(ge=0, le=1e6, description="For those of answers.")] = 0.0
    cached: Annotated[
        float | None, Meta(ge=0, le=1e6, description="For those of prompts that its own cache had. Unset: as `input`.")
    ] = None
    cache_write: Annotated[
        float | None, Meta(ge=0, le=1e6, description="For those of prompts written to its cache. Unset: as `input`.")
    ] = None
    reasoning: Annotated[
        float | None, Meta(ge=0, le=1e6, description="For those of answers that are reasoning. Unset: as `output`.")
    ] = None
    request: Annotated[float, Meta(ge=0, le=1e6, description="Dollars for each call, besides.")] = 0.0
    second: Annotated[
        float,
        Meta(
            ge=0,
            le=1e4,
            description="Dollars for each second that it is there, used or not (your own GPUs): shared by the calls"
            " that are there in that second; the idle rest is told apart.",
        ),
    ] = 0.0

    @property
    def is_by_token(self) -> bool:
        """Whether anything is said of tokens or calls."""
        return bool(self.input or self.output or self.cached or self.cache_write or self.reasoning or self.request)


class UpstreamConfig(Struct, frozen=True, kw_only=True):
    kind: Annotated[Kind, Meta(description="What stands there, and so how it is spoken to.")]
    base_url: Annotated[
        str | None,
        Meta(description="Its API's address, up to and including `/v1`. Unset: the kind's usual one, if it has one."),
    ] = None
    api_key: Annotated[Secret | None, Meta(description="The key that Penstock shows to it.")] = None
    api_keys: Annotated[
        list[Secret],
        Meta(
            description="More such keys: they take turns, and one that is refused or limited rests while others serve.",
        ),
    ] = field(default_factory=list)
    weight: Annotated[int, Meta(ge=1, le=10_000, description="Its share, against the others of a model.")] = 1
    drain: Annotated[bool, Meta(description="Give it no new calls; those that run may end.")] = False
    discover: Annotated[
        DiscoverConfig | None,
        Meta(description="It stands for many: each instance found is one upstream with these settings."),
    ] = None
    address: Annotated[
        str | None,
        Meta(description="Connect to this `host:port`; `base_url` then says only how it is spoken to and named."),
    ] = None
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
    region: Annotated[
        str | None,
        Meta(
            min_length=1,
            max_length=64,
            description="Where it stands, for `regions`; a cloud's region (kind `bedrock`).",
        ),
    ] = None
    health: Annotated[ProbeConfig, Meta(description="How it is probed.")] = ProbeConfig()
    capacity: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Calls that it serves at once; its load is counted against this.")
    ] = 64
    max_in_flight: Annotated[
        Seats | None,
        Meta(description="Calls at once that it is given, over all workers; more wait for a seat. Unset: all."),
    ] = None
    metrics: Annotated[
        str | None,
        Meta(
            description="Where on its server its metrics page is, for `scrape`; `off` for nowhere. Unset: `/metrics`"
            " for kinds `vllm`, `sglang`, `llamacpp` and `local`, nowhere for the others."
        ),
    ] = None
    price: Annotated[PriceConfig, Meta(description="Dollars for a million tokens.")] = PriceConfig()
    max_connections: Annotated[int, Meta(ge=1, description="Connections to it, per worker.")] = 1024
    queue: Annotated[int, Meta(ge=0, description="Calls that may wait for a connection, per worker.")] = 4096
    max_idle: Annotated[Seconds, Meta(gt=0, description="An unused connection is retired after this.")] = 60.0
    max_age: Annotated[Seconds, Meta(gt=0, description="A connection takes no new call after this.")] = 600.0
    model: Annotated[str | None, Meta(min_length=1, description="Which model to run (kind `local`).")] = None
    replicas: Annotated[ReplicasConfig, Meta(description="How many engines to run (kind `local`).")] = ReplicasConfig()
    threads: Annotated[int | None, Meta(ge=1, le=1024, description="CPU threads an engine (kind `local`).")] = None
    context: Annotated[int | None, Meta(ge=128, description="Tokens of context an engine (kind `local`).")] = None
    slots: Annotated[
        int | None, Meta(ge=1, le=48, description="Calls that an engine decodes at once (kind `local`).")
    ] = None
    tokens_per_second: Annotated[
        float, Meta(ge=0, description="Pace of a streamed answer (kind `echo`); 0 is as fast as it goes.")
    ] = 0.0

    @property
    def keys(self) -> list[str]:
        """All keys that are shown to it, by turns."""
        return ([self.api_key] if self.api_key else []) + list(self.api_keys)

    @property
    def url(self) -> str:
        """The effective base URL without a slash at its end; empty for the kinds that run in here."""
        return (self.base_url or BASE_URLS.get(self.kind, "")).rstrip("/")

    @property
    def metrics_path(self) -> str:
        """Where its metrics page is, from the root of its server; "" for nowhere."""
        path = _METRICS.get(self.kind, "") if self.metrics is None else self.metrics
        return "" if path == "off" else path

    def check(self) -> Iterator[Finding]:
        for name, kind in _ONLY_FOR.items():
            default = ReplicasConfig() if name == "replicas" else 0.0 if name == "tokens_per_second" else None
            if self.kind != kind and getattr(self, name) != default:
                yield (name,), f'"{name}" is only for kind {kind}, not for {self.kind}'
        if self.kind in _IN_PROCESS:
            for name in ("base_url", "address", "discover"):
                if getattr(self, name) is not None:
                    yield (name,), f"kind {self.kind} runs in here and has no {name}"
        elif self.base_url is not None:
            yield from _check_url("base_url", self.base_url)
        elif self.discover is not None:
            pass  # each instance has its own
        elif self.kind == "bedrock":
            if self.region is None:
                yield ("region",), "kind bedrock needs a region or a base_url"
        elif self.kind not in BASE_URLS:
            yield ("base_url",), f'kind {self.kind} needs a base_url, such as "http://10.0.0.1:8000/v1"'
        if self.proxy is not None:
            yield from _check_url("proxy", self.proxy, userinfo=True)
        if self.address is not None and self.kind not in _IN_PROCESS:
            yield from self._check_address(self.address)
        if self.metrics_path and not _PATH.fullmatch(self.metrics_path):
            yield ("metrics",), "metrics is a path, such as /metrics, or off"
        elif self.metrics_path and self.kind == "echo":
            yield ("metrics",), "kind echo has no metrics page"
        if self.kind in _IN_PROCESS and self.health != ProbeConfig():
            yield ("health",), f"kind {self.kind} runs in here and is not probed"
        yield from self._check_headers()
        yield from self._check_keys()

    def _check_address(self, address: str) -> Iterator[Finding]:
        if self.discover is not None or self.proxy is not None:
            yield ("address",), f"address does not go with {'discover' if self.discover is not None else 'proxy'}"
        try:
            parse_address(address)
        except ValueError as error:
            yield ("address",), f"address: {error}"

    def _check_headers(self) -> Iterator[Finding]:
        for name, value in self.headers.items():
            if not _FIELD_NAME.fullmatch(name):
                yield ("headers", name), f'"{name[:64]}" is not a header field name'
            elif name.lower() in _FRAMING:
                yield ("headers", name), f'the header field "{name}" belongs to the connection and cannot be set'
            elif not _FIELD_VALUE.fullmatch(value):
                yield ("headers", name), f'the value of header field "{name}" must be printable ASCII'

    def _check_keys(self) -> Iterator[Finding]:
        if self.api_key is not None and not _is_key(self.api_key):
            yield ("api_key",), "api_key must be printable ASCII"
        if self.api_keys and self.kind in _IN_PROCESS:
            yield ("api_keys",), f"kind {self.kind} runs in here and has no keys"
        if len(self.api_keys) > MOST_KEYS:
            yield ("api_keys",), f"at most {MOST_KEYS} keys"
        for position, key in enumerate(self.api_keys):
            if not _is_key(key):
                yield ("api_keys", position), "a key must be printable ASCII"
            elif key == self.api_key or key in self.api_keys[:position]:
                yield ("api_keys", position), "this key is given twice"
        own = {name.lower() for name in self.headers} & {"authorization", "x-api-key", "api-key"}
        if self.api_keys and own:
            yield ("api_keys",), f'api_keys cannot take turns where headers set "{min(own)}"'


def _is_key(text: str) -> bool:
    return _FIELD_VALUE.fullmatch(text) is not None and bool(text.strip())


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

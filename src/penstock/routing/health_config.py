"""``health``, and ``health`` of one upstream: when an upstream is left alone, how it is asked, how it comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.units import Seconds

ProbeKind = Literal["auto", "off", "path", "models", "token"]
_PATH = re.compile(r"/[!-~]{0,255}", re.ASCII)

USUAL_PROBES: dict[str, ProbeKind] = {"vllm": "path", "sglang": "path", "llamacpp": "path", "ollama": "models"}
"""What ``auto`` means for each kind; nothing for the others. A provider that is paid for is not asked unasked, and the
engines of kind ``local`` are watched by whoever runs them."""


class BreakerConfig(Struct, frozen=True, kw_only=True):
    failures: Annotated[int, Meta(ge=1, le=100_000, description="It opens after so many failed attempts in a row,")] = 5
    rate: Annotated[float, Meta(gt=0, le=1, description="or when this share of those in `window` failed")] = 0.5
    least: Annotated[int, Meta(ge=1, le=100_000, description="of at least so many.")] = 20
    window: Annotated[Seconds, Meta(ge=0.1, le=600, description="Attempts that are older do not count.")] = 10.0
    open: Annotated[
        Seconds,
        Meta(ge=0.01, le=600, description="The upstream is left alone for this long, twice as long each further time,"),
    ] = 1.0
    longest: Annotated[Seconds, Meta(ge=0.01, le=3600, description="at most so long.")] = 30.0

    def check(self) -> Iterator[Finding]:
        if self.open > self.longest:
            yield ("open",), "open must not be more than longest"


class HealthConfig(Struct, frozen=True, kw_only=True):
    probes: Annotated[Literal["on", "off"], Meta(description="Whether upstreams are probed at all.")] = "on"
    breaker: Annotated[BreakerConfig, Meta(description="Each upstream has a circuit breaker.")] = BreakerConfig()
    slow_start: Annotated[
        Seconds,
        Meta(ge=0, le=3600, description="One that comes back gets its full share of calls after this; 0: at once."),
    ] = 10.0
    panic: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="When less than this share of a model's upstreams is well, those are used too that only failed"
            " probes or are slow.",
        ),
    ] = 0.5
    outlier: Annotated[
        float,
        Meta(
            ge=0,
            le=1000,
            description="One whose first token takes this many times the median of its model's upstreams is left out"
            " for a while; 0: never.",
        ),
    ] = 0.0

    def check(self) -> Iterator[Finding]:
        if 0 < self.outlier < 1.5:
            yield (
                ("outlier",),
                "outlier must be 0 or at least 1.5: below that, upstreams that are alike would be left out",
            )


class ProbeConfig(Struct, frozen=True, kw_only=True):
    probe: Annotated[
        ProbeKind,
        Meta(
            description="How each worker asks whether it is well: for a `path`, its list of `models`, or one `token`"
            " (which costs one). `auto`: `path` for kinds `vllm`, `sglang` and `llamacpp`, `models` for `ollama`,"
            " else `off`."
        ),
    ] = "auto"
    path: Annotated[str, Meta(description="What `path` asks for, from the root of its address.")] = "/health"
    model: Annotated[
        str | None,
        Meta(min_length=1, description="What `token` asks of; unset: the first model that leads here under one name."),
    ] = None
    interval: Annotated[
        Seconds, Meta(ge=0.05, le=3600, description="So often at most; not while calls show that it is well.")
    ] = 10.0
    timeout: Annotated[Seconds, Meta(gt=0, le=600, description="An answer must be whole within this.")] = 2.0
    bad: Annotated[int, Meta(ge=1, le=100, description="So many bad answers in a row put it out of use.")] = 3

    def check(self) -> Iterator[Finding]:
        if not _PATH.fullmatch(self.path):
            yield ("path",), 'path must begin with "/" and be printable ASCII without spaces'
        if self.timeout > self.interval:
            yield ("timeout",), "timeout must not be more than interval"
        if self.model is not None and self.probe != "token":
            yield ("model",), "model is only for probe token"
        if self.path != "/health" and self.probe not in ("auto", "path"):
            yield ("path",), "path is only for probe path"

    def of(self, kind: str) -> ProbeKind:
        """How an upstream of ``kind`` is probed: ``off`` or one of the ways."""
        return USUAL_PROBES.get(kind, "off") if self.probe == "auto" else self.probe

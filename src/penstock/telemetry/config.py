"""The ``telemetry`` section: where traces and metrics are sent. Without it nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import unquote

from msgspec import Meta, Struct, field

from penstock.core.settings import Finding
from penstock.core.shapes import ReadableFile, Secret
from penstock.core.units import Seconds
from penstock.net.outward import address_problem, field_problem

MOST_RESOURCES = 64


class OtlpConfig(Struct, frozen=True, kw_only=True):
    endpoint: Annotated[
        str,
        Meta(
            min_length=1,
            description="The base URL of an OTLP/HTTP receiver; `/v1/traces` and `/v1/metrics` are put behind it.",
        ),
    ]
    headers: Annotated[
        dict[str, Secret], Meta(description="Fields sent with everything, such as `authorization`.")
    ] = field(default_factory=dict)  # fmt: skip
    more_headers: Annotated[
        Secret | None,
        Meta(description="More of them, as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value,name=value`."),
    ] = None
    protocol: Annotated[
        Literal["http/protobuf", "http/json"], Meta(description="How it is written; receivers know one or both.")
    ] = "http/protobuf"
    traces: Annotated[bool, Meta(description="Send traces.")] = True
    metrics: Annotated[bool, Meta(description="Send metrics.")] = True
    sample: Annotated[
        float,
        Meta(
            ge=0, le=1, description="The share of traces kept of those that begin here; failed calls are always kept."
        ),
    ] = 0.1
    slow: Annotated[
        Seconds, Meta(ge=0, description="A call that takes longer is always kept. `0`: none for that.")
    ] = 30.0  # fmt: skip
    follow: Annotated[
        bool,
        Meta(
            description="Go on with the traces of callers (`traceparent`), which also say what is kept. Off: each call"
            " begins a trace."
        ),
    ] = True
    convention: Annotated[
        Literal["1.36", "1.37", "1.42"],
        Meta(description="The version of OpenTelemetry's conventions by whose names things are called."),
    ] = "1.42"
    temporality: Annotated[
        Literal["cumulative", "delta"],
        Meta(description="Whether metrics count from the start, or from the last time they were sent (Datadog)."),
    ] = "cumulative"
    interval: Annotated[Seconds, Meta(ge=1, description="How often metrics are sent.")] = 60.0
    delay: Annotated[Seconds, Meta(ge=0.1, le=60, description="Spans wait so long for others to go with.")] = 5.0
    timeout: Annotated[Seconds, Meta(ge=0.1, le=300, description="How long one request to the receiver may take.")] = (
        10.0
    )
    queue: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Calls that wait to be sent, per worker; further ones are dropped.")
    ] = 2048
    ca_file: Annotated[
        ReadableFile | None, Meta(description="Certificates (PEM) that the receiver's must descend from.")
    ] = None
    service: Annotated[str, Meta(min_length=1, description="`service.name` of the resource.")] = "penstock"
    resource: Annotated[
        dict[str, str], Meta(description="More attributes of the resource, such as `deployment.environment.name`.")
    ] = field(default_factory=dict)

    def check(self) -> Iterator[Finding]:
        if problem := address_problem(self.endpoint):
            yield ("endpoint",), f"endpoint {problem}"
        elif "?" in self.endpoint:
            yield ("endpoint",), "endpoint is a base: it has no query"
        for name in self.headers:
            if problem := field_problem(name, self.headers[name]):
                yield ("headers", name), problem
        for entry in _entries(self.more_headers):
            name, mark, value = entry.partition("=")
            if not mark or field_problem(name.strip(), unquote(value)):
                yield ("more_headers",), "more_headers must be name=value,name=value, with names of header fields"
                break
        if len(self.resource) > MOST_RESOURCES:
            yield ("resource",), f"at most {MOST_RESOURCES} attributes"

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The fields to send."""
        pairs = [(name, value) for name, value in self.headers.items()]
        for entry in _entries(self.more_headers):
            name, _, value = entry.partition("=")
            pairs.append((name.strip(), unquote(value.strip())))
        return [(name.lower().encode(), value.encode()) for name, value in pairs]


class TelemetryConfig(Struct, frozen=True, kw_only=True):
    otlp: Annotated[
        OtlpConfig | None, Meta(description="An OpenTelemetry receiver. Unset: nothing is sent, and nothing is traced.")
    ] = None


def _entries(text: str | None) -> list[str]:
    return [entry for entry in (text or "").split(",") if entry.strip()]

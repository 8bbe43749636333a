"""An OTLP receiver on a real socket: decodes what it is sent with the project's own schema, and keeps it."""

from __future__ import annotations

import re
import socket
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.scripted_upstream import Answer, Request, ScriptedUpstream

TAKEN = Answer(headers=(("content-type", "application/x-protobuf"),), body=b"")


class Receiver(ScriptedUpstream):
    """``script``: what the next requests are answered; when it is empty they are taken. ``base``: a path before
    ``/v1``."""

    def __init__(self, base: str = "") -> None:
        super().__init__()
        self.script: list[Answer] = []
        self.taken: list[Request] = []
        for signal in ("traces", "metrics"):
            self.answers[f"{base}/v1/{signal}"] = self._take

    @property
    def endpoint(self) -> str:
        return self.url.removesuffix("/v1")

    def _take(self, connection: socket.socket, request: Request) -> None:
        answer = self.script.pop(0) if self.script else TAKEN
        if answer.status < 300:
            self.taken.append(request)
        connection.sendall(answer.head() + answer.body)

    def traces(self) -> list[ExportTraceServiceRequest]:
        """Those that were taken."""
        return [traces_of(request) for request in self.taken if request.target.endswith("/v1/traces")]

    def spans(self) -> list[Span]:
        """All spans that were taken."""
        return [
            span
            for request in self.traces()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> list[ExportMetricsServiceRequest]:
        return [metrics_of(request) for request in self.taken if request.target.endswith("/v1/metrics")]


def traces_of(request: Request) -> ExportTraceServiceRequest:
    return _decoded(request, ExportTraceServiceRequest())


def metrics_of(request: Request) -> ExportMetricsServiceRequest:
    return _decoded(request, ExportMetricsServiceRequest())


def _decoded(request: Request, into: Any) -> Any:
    if request.header("content-type") == "application/json":
        return parse_json(request.body.decode(), into)
    assert request.header("content-type") == "application/x-protobuf"
    into.ParseFromString(request.body)
    assert not unknown_fields(into)
    return into


def parse_json(text: str, into: Any) -> Any:
    """OTLP's JSON is protobuf's but for ids, which are hexadecimal: put into base64, the usual parser takes it."""

    def recoded(match: re.Match[str]) -> str:
        import base64

        return f'"{match[1]}":"{base64.b64encode(bytes.fromhex(match[2])).decode()}"'

    return json_format.Parse(re.sub(r'"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"', recoded, text), into)


def unknown_fields(message: Any) -> bool:
    """Whether something in it is not in the schema (then it would have been written wrongly)."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    if len(UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            items = value if isinstance(value, (list, tuple)) or hasattr(value, "add") else [value]
            if any(unknown_fields(item) for item in items):
                return True
    return False


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as a dict."""
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    return None if which is None else getattr(value, which)


def metrics_by_name(request: ExportMetricsServiceRequest) -> dict[str, Metric]:
    return {
        metric.name: metric
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }

"""Spans and data points as messages of OTLP, and the requests that carry them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.telemetry.meters import Point
from penstock.telemetry.names import METRICS as TABLE
from penstock.telemetry.otlp import METRICS, SPAN, TRACES, Protocol, Written
from penstock.telemetry.spans import ERROR, Span

DELTA, CUMULATIVE = 1, 2
IS_REMOTE = 0x300
"""Bits of a span's flags: it is known whether its parent is elsewhere, and it is."""
HAS_IS_REMOTE = 0x100


class Requests:
    """Writes what one worker sends. ``resource`` tells who it is, ``convention`` the version of the names used."""

    def __init__(self, protocol: Protocol, resource: Mapping[str, Any], version: str, convention: str) -> None:
        self.content_type = protocol.content_type
        self._write = protocol.write
        self._attributes = protocol.attributes
        self._resource = {"attributes": self._attributes(resource)}
        self._scope = {"name": "penstock", "version": version}
        self._schema = f"https://opentelemetry.io/schemas/{convention}.0"

    def span(self, span: Span) -> Written:
        """One span, to go into a request."""
        made: dict[str, Any] = {"traceId": span.trace, "spanId": span.span}
        if span.state:
            made["traceState"] = span.state.decode("latin-1")
        if span.parent:
            made["parentSpanId"] = span.parent
        made |= {
            "name": span.name, "kind": span.kind, "startTimeUnixNano": span.start, "endTimeUnixNano": span.end,
            "attributes": self._attributes(span.attributes),
        }  # fmt: skip
        if span.events:
            made["events"] = [{"timeUnixNano": at, "name": name} for at, name in span.events]
        if span.error:
            made["status"] = {"message": span.error, "code": ERROR}
        remote = IS_REMOTE if span.parent and span.kind == 2 else HAS_IS_REMOTE
        made["flags"] = span.flags | remote
        return self._write(made, SPAN)

    def traces(self, spans: Sequence[Written]) -> bytes:
        """A request with these spans."""
        scope = {"scope": self._scope, "spans": spans, "schemaUrl": self._schema}
        return self._write({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]}, TRACES)

    def metrics(self, points: Sequence[Point], since: float, now: float, *, delta: bool) -> bytes:
        """A request with these series, which have counted from ``since`` to ``now`` (Unix seconds)."""
        start, end = int(since * 1e9), int(now * 1e9)
        told = []
        for metric in TABLE:
            rows = [
                {
                    "startTimeUnixNano": start, "timeUnixNano": end, "count": sum(point.counts), "sum": point.sum,
                    "bucketCounts": point.counts, "explicitBounds": metric.bounds,
                    "attributes": self._attributes(dict(point.attributes)), "min": point.least, "max": point.most,
                }
                for point in points
                if point.metric is metric
            ]  # fmt: skip
            if rows:
                histogram = {"dataPoints": rows, "aggregationTemporality": DELTA if delta else CUMULATIVE}
                told.append(
                    {
                        "name": metric.name,
                        "description": metric.description,
                        "unit": metric.unit,
                        "histogram": histogram,
                    }
                )
        scope = {"scope": self._scope, "metrics": told, "schemaUrl": self._schema}
        return self._write({"resourceMetrics": [{"resource": self._resource, "scopeMetrics": [scope]}]}, METRICS)

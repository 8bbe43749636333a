import pytest

from penstock.telemetry.meters import Meters
from penstock.telemetry.names import CONVENTIONS, SECONDS, Server
from penstock.telemetry.otlp import PROTOCOLS
from penstock.telemetry.requests import Requests
from penstock.telemetry.spans import Spans
from tests.support.otlp_receiver import metrics_by_name, metrics_of, plain, traces_of
from tests.support.records import PARENT, SPAN, TRACE, call, traced
from tests.support.scripted_upstream import Request

SERVERS = {"up": Server("openai", "api.openai.com", 443)}
RESOURCE = {"service.name": "penstock", "process.pid": 7}


def requests(protocol: str) -> Requests:
    return Requests(PROTOCOLS[protocol], RESOURCE, "1.2.3", "1.42")


def sent(protocol: str, body: bytes) -> Request:
    return Request("POST", "/", [("content-type", PROTOCOLS[protocol].content_type.decode())], body, b"")


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_spans_as_a_receiver_reads_them(protocol: str) -> None:
    made = requests(protocol)
    broken = call(status=502, outcome="error", fault="upstream", trace=traced(state=b"a=1"))
    spans = Spans(CONVENTIONS["1.42"], SERVERS).of(broken)
    request = traces_of(sent(protocol, made.traces([made.span(span) for span in spans])))
    (resource,) = request.resource_spans
    assert plain(resource.resource.attributes) == RESOURCE
    (scope,) = resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("penstock", "1.2.3")
    assert scope.schema_url.endswith("/1.42.0")
    server, wait, client = scope.spans
    assert (server.trace_id.hex(), server.span_id.hex(), server.parent_span_id.hex()) == (TRACE, SPAN, PARENT)
    assert (server.kind, client.kind, server.trace_state) == (2, 3, "a=1")
    assert (server.status.code, server.status.message) == (2, "upstream_error")
    assert not wait.HasField("status")
    assert server.flags == 0x301, "sampled, and its parent is elsewhere"
    assert client.flags == 0x101, "its parent is here"
    assert plain(client.attributes) == spans[2].attributes


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_histograms_as_a_receiver_reads_them(protocol: str, delta: bool) -> None:
    meters = Meters(CONVENTIONS["1.42"], SERVERS)
    meters.take(call())
    meters.take(call(total=3.0))
    body = requests(protocol).metrics(meters.points(), 10.0, 20.5, delta=delta)
    found = metrics_by_name(metrics_of(sent(protocol, body)))
    assert len(found) == 7
    metric = found["gen_ai.server.request.duration"]
    assert metric.unit == "s"
    assert metric.histogram.aggregation_temporality == (1 if delta else 2)
    (point,) = metric.histogram.data_points
    assert (point.start_time_unix_nano, point.time_unix_nano) == (10_000_000_000, 20_500_000_000)
    assert (point.count, point.sum, point.min, point.max) == (2, 5.0, 2.0, 3.0)
    assert tuple(point.explicit_bounds) == SECONDS
    assert len(point.bucket_counts) == len(SECONDS) + 1
    assert sum(point.bucket_counts) == 2

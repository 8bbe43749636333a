import json as plain_json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from penstock.telemetry.otlp import PROTOCOLS, SPAN, json, protobuf, rejected
from tests.support.otlp_receiver import parse_json, plain, unknown_fields

MESSAGE = {
    "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "traceState": "a=1",
    "parentSpanId": "00000000000000f1", "name": "täst", "kind": 2, "startTimeUnixNano": 1_800_000_000_000_000_001,
    "endTimeUnixNano": 1_800_000_000_000_000_002, "events": [{"timeUnixNano": 5, "name": "first_token"}],
    "status": {"message": "upstream_error", "code": 2}, "flags": 0x301,
}  # fmt: skip


def test_both_forms_say_the_same() -> None:
    binary = Span()
    binary.ParseFromString(protobuf(MESSAGE, SPAN))
    assert not unknown_fields(binary)
    assert binary == parse_json(json(MESSAGE, SPAN).decode(), Span())
    assert binary.trace_id.hex() == MESSAGE["traceId"]
    assert binary.start_time_unix_nano == MESSAGE["startTimeUnixNano"]
    assert (binary.name, binary.flags, binary.status.code) == ("täst", 0x301, 2)
    assert [event.name for event in binary.events] == ["first_token"]


def test_in_json_ids_are_hexadecimal_and_large_numbers_are_texts() -> None:
    told = plain_json.loads(json(MESSAGE, SPAN))
    assert told["traceId"] == MESSAGE["traceId"]
    assert told["startTimeUnixNano"] == "1800000000000000001"
    assert told["kind"] == 2


@settings(deadline=None)
@given(
    st.text(max_size=300),
    st.one_of(st.text(max_size=300), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
)
def test_any_attribute_comes_out_as_it_went_in(key: str, value: str | bool | int | float) -> None:
    binary = KeyValue()
    binary.ParseFromString(PROTOCOLS["http/protobuf"].attribute(key, value))
    assert not unknown_fields(binary)
    assert plain([binary]) == {key: value}
    assert type(plain([binary])[key]) is type(value)
    if value not in (float("inf"), float("-inf")):
        assert plain([parse_json(PROTOCOLS["http/json"].attribute(key, value).decode(), KeyValue())]) == {key: value}


def test_equal_values_of_different_kinds_are_told_apart() -> None:
    for protocol in PROTOCOLS.values():
        assert len({protocol.attribute("a", value) for value in (1, 1.0, True, "1")}) == 4


def test_what_is_no_text_becomes_one() -> None:
    for protocol in PROTOCOLS.values():
        assert b"('x',)" in protocol.attribute("a", ("x",))
    assert b"?" in PROTOCOLS["http/protobuf"].attribute("a", "half \ud800")


@pytest.mark.parametrize("message", ["", "short", "long " * 100])
@pytest.mark.parametrize("number", [0, 1, 300, 10**12])
def test_what_a_receiver_did_not_take(number: int, message: str) -> None:
    traces = ExportTracePartialSuccess(rejected_spans=number, error_message=message)
    metrics = ExportMetricsPartialSuccess(rejected_data_points=number, error_message=message)
    for response in (
        ExportTraceServiceResponse(partial_success=traces), ExportMetricsServiceResponse(partial_success=metrics)
    ):  # fmt: skip
        assert rejected(response.SerializeToString(), "http/protobuf") == number
    told = {"partialSuccess": {"rejectedDataPoints": str(number), "errorMessage": message}}
    assert rejected(plain_json.dumps(told).encode(), "http/json") == number


@pytest.mark.parametrize(
    "body", [b"", b"\x0a", b"\x0a\x05\x08", b"\x0a\xff\xff", b"<html>", b"{}", b"[]", b"7", b"\xff"]
)
def test_an_answer_that_says_nothing_of_it(body: bytes) -> None:
    assert rejected(body, "http/protobuf") == 0
    assert rejected(body, "http/json") == 0

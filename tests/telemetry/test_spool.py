from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from penstock.telemetry import spool as module
from penstock.telemetry.counts import Counts
from penstock.telemetry.names import CONVENTIONS
from penstock.telemetry.otlp import PROTOCOLS
from penstock.telemetry.requests import Requests
from penstock.telemetry.spans import Spans
from penstock.telemetry.spool import PIECE, Spool
from tests.support.records import call

REQUESTS = Requests(PROTOCOLS["http/protobuf"], {}, "1", "1.42")
SPANS = Spans(CONVENTIONS["1.42"], {})


def spool(most: int = 1000, delay: float = 5.0) -> tuple[Spool, Counts]:
    counts = Counts()
    made = Spool(counts)
    made.follow(SPANS, REQUESTS, most, delay)
    return made, counts


def ids(body: bytes) -> list[str]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    spans = request.resource_spans[0].scope_spans[0].spans
    return [
        pair.value.string_value for span in spans if span.kind == 2 for pair in span.attributes
        if pair.key == "penstock.request.id"
    ]  # fmt: skip


def test_calls_wait_for_others_and_go_together() -> None:
    made, _ = spool()
    for number in range(3):
        made.take(call(id=f"r{number}"), 100.0 + number)
    assert not made.work()
    assert made.batch(104.9) is None, "the first has waited less than the delay"
    batch = made.batch(105.0)
    assert batch is not None
    assert (ids(batch[0]), batch[1]) == (["r0", "r1", "r2"], 3)
    assert made.batch(999.0) is None
    assert made.held == 0


def test_it_writes_a_few_at_a_time(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "BATCH", 3 * PIECE)
    made, _ = spool()
    for _ in range(4 * PIECE):
        made.take(call(), 0.0)
    assert [made.work() for _ in range(4)] == [True, True, False, False]
    batch = made.batch(0.0)
    assert batch is not None, "a full batch does not wait"
    assert batch[1] == 3 * PIECE
    assert made.held == PIECE


def test_what_comes_while_it_is_full_is_dropped_and_counted() -> None:
    made, counts = spool(most=PIECE + 2)
    for _ in range(PIECE + 5):
        made.take(call(), 0.0)
    made.work()
    made.take(call(), 0.0)
    assert made.held == PIECE + 2, "those that are written count, too"
    assert counts.dropped == {("traces", "full"): 4}


def test_everything_goes_at_the_end() -> None:
    made, _ = spool()
    made.take(call(), 0.0)
    made.work()
    assert made.batch(0.0, everything=True) is not None


def test_switched_off_it_keeps_nothing() -> None:
    made, counts = spool()
    made.take(call(), 0.0)
    made.follow(None, None, 0, 0.0)
    made.take(call(), 0.0)
    assert (made.held, made.work(), made.batch(9e9)) == (0, False, None)
    assert counts.dropped == {("traces", "off"): 1}


def test_another_configuration_of_the_same_form_keeps_what_waits() -> None:
    made, counts = spool()
    made.take(call(), 0.0)
    made.work()
    made.follow(SPANS, Requests(PROTOCOLS["http/protobuf"], {"a": "b"}, "1", "1.37"), 10, 0.0)
    assert (made.held, counts.dropped) == (1, {})


def test_what_was_written_in_another_form_is_not_sent_in_this_one() -> None:
    made, counts = spool()
    made.take(call(), 0.0)
    made.work()
    made.take(call(), 0.0)
    made.follow(SPANS, Requests(PROTOCOLS["http/json"], {}, "1", "1.42"), 10, 0.0)
    assert counts.dropped == {("traces", "off"): 1}
    assert made.held == 1


def test_what_is_left_is_counted() -> None:
    made, counts = spool()
    for _ in range(PIECE + 1):
        made.take(call(), 0.0)
    made.work()
    assert made.drop("stopped") == PIECE + 1
    assert made.drop("stopped") == 0
    assert counts.dropped == {("traces", "stopped"): PIECE + 1}

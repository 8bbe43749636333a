from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.edge.head import head_bytes, milliseconds, own_fields


def exchange(model: str = "m", dialect: Any = "openai") -> Exchange:
    body: Any = None
    one = Exchange("req_1", Call(Operation("chat", dialect, ""), "POST", "/", b"", [], ""), 0.0, 1.0, body)
    one.call.model = model
    one.upstream = "up"
    one.attempts = 2
    return one


def test_status_then_the_upstreams_fields_then_ours_then_framing() -> None:
    reply = Reply(404, [(b"content-type", b"application/json"), (b"x-a", b"1"), (b"x-a", b"2")], b"")
    head = head_bytes(exchange(), reply, b"content-length: 0\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 404 Not Found"
    assert lines[1:4] == [b"content-type: application/json", b"x-a: 1", b"x-a: 2"]
    assert lines[-3:] == [b"content-length: 0", b"", b""]
    assert b"x-request-id: req_1" in lines
    assert b"x-penstock-upstream: up" in lines
    assert b"x-penstock-attempts: 2" in lines


def test_streams_are_not_to_be_held_by_what_stands_between() -> None:
    reply = Reply(200, [(b"content-type", b"text/event-stream"), (b"cache-control", b"max-age=9")], b"", events=True)
    head = head_bytes(exchange(), reply, b"")
    assert head.count(b"cache-control") == 1
    assert b"cache-control: no-cache, no-transform\r\n" in head
    assert b"x-accel-buffering: no\r\n" in head


def test_an_answer_that_is_no_stream_keeps_its_own_cache_control() -> None:
    head = head_bytes(exchange(), Reply(200, [(b"cache-control", b"max-age=9")], b""), b"")
    assert b"cache-control: max-age=9\r\n" in head


def test_an_odd_status_of_an_upstream_is_passed_on() -> None:
    assert head_bytes(exchange(), Reply(599, [], b""), b"").startswith(b"HTTP/1.1 599 ")


def test_without_an_upstream_nothing_is_said_of_one() -> None:
    one = exchange()
    one.upstream = ""
    assert "model" not in own_fields(one)


def test_what_rooms_found_is_told() -> None:
    one = exchange(dialect="anthropic")
    one.cache, one.queued, one.degraded, one.overhead = "hit", 0.25, "cache", 0.001
    fields = own_fields(one).split("\r\n")
    assert {"x-penstock-cache: hit", "x-penstock-queue-ms: 250.00", "x-penstock-degraded: cache"} <= set(fields)
    assert "x-penstock-overhead-ms: 1.00" in fields
    assert "request-id: req_1" in fields


@given(st.text(max_size=60))
def test_no_model_name_can_break_the_head(model: str) -> None:
    fields = own_fields(exchange(model))
    assert fields.isascii()
    assert len(fields.split("\r\n")) == len(own_fields(exchange("m")).split("\r\n"))
    assert all(line.isprintable() for line in fields.split("\r\n"))


def test_a_model_name_of_great_length_is_cut() -> None:
    one = exchange()
    one.answered_as = "m" * 1_000_000
    assert len(own_fields(one)) < 1000
    assert len(own_fields(exchange("m" * 1_000_000))) < 1000
    assert len(own_fields(exchange("ä" * 1_000_000))) < 2500


def test_waiting_and_company_are_told() -> None:
    one = exchange()
    one.queued, one.place, one.batch = 0.25, 7, "b1; size=3; wait=2.0ms"
    fields = own_fields(one).split("\r\n")
    assert {"x-penstock-queue-ms: 250.00", "x-penstock-queue-position: 7"} <= set(fields)
    assert "x-penstock-batch: b1; size=3; wait=2.0ms" in fields


@given(st.integers(0, 3_000_000))
def test_milliseconds_are_told_as_python_would(hundreds_of_nanoseconds: int) -> None:
    seconds = (hundreds_of_nanoseconds + 0.25) / 1e7
    assert float(milliseconds(seconds)) == float(f"{seconds * 1000:.2f}")

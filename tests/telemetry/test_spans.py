from typing import Any

import pytest

from penstock.core.finished import Finished
from penstock.telemetry.names import CONVENTIONS, Server
from penstock.telemetry.spans import CLIENT, INTERNAL, ROUTES, SERVER, Span, Spans
from penstock.wire.operations import BELOW, OPERATIONS
from tests.support.records import ENDED, PARENT, SPAN, TRACE, call, traced

SERVERS = {"up": Server("openai", "api.openai.com", 443), "other": Server("vllm", "10.0.0.5", 8000)}
BEGAN = ENDED - 2.0


def spans(one: Finished, convention: str = "1.42") -> list[Span]:
    return Spans(CONVENTIONS[convention], SERVERS).of(one)


def at(seconds: float) -> Any:
    return pytest.approx((BEGAN + seconds) * 1e9, abs=1000)


def test_a_call_is_a_span_with_its_waits_and_attempts_below() -> None:
    server, wait, client = spans(call())
    assert (server.kind, wait.kind, client.kind) == (SERVER, INTERNAL, CLIENT)
    assert {span.trace for span in (server, wait, client)} == {TRACE}
    assert (server.span, server.parent) == (SPAN, PARENT)
    assert (wait.parent, client.parent) == (SPAN, SPAN)
    assert len({server.span, wait.span, client.span}) == 3
    assert (server.name, wait.name, client.name) == ("POST /v1/chat/completions", "wait admission", "chat m-1")
    assert (server.start, server.end) == (at(0), at(2.0))
    assert (wait.start, wait.end) == (at(0), at(0.2))
    assert (client.start, client.end) == (at(0.25), at(2.0))
    assert server.events == client.events == [(at(0.75), "first_token")]


def test_what_the_client_span_says_is_by_the_conventions() -> None:
    said = spans(call())[2].attributes
    assert said == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m-1",
        "gen_ai.request.max_tokens": 64, "gen_ai.request.temperature": 0.5, "gen_ai.request.stream": True,
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 21,
        "gen_ai.usage.cache_read.input_tokens": 40, "gen_ai.usage.reasoning.output_tokens": 7,
        "gen_ai.response.time_to_first_chunk": 0.5, "server.address": "api.openai.com", "server.port": 443,
        "http.response.status_code": 200, "penstock.upstream": "up", "penstock.request.id": "req_1",
    }  # fmt: skip


def test_an_older_convention_has_other_names_and_fewer() -> None:
    said = spans(call(), "1.36")[2].attributes
    assert said["gen_ai.system"] == "openai"
    assert not {"gen_ai.provider.name", "gen_ai.request.stream", "gen_ai.usage.cache_read.input_tokens", ""} & set(said)


def test_tokens_stand_on_one_span_only() -> None:
    server, *_ = spans(call())
    assert not [name for name in server.attributes if name.startswith("gen_ai.")]
    assert server.attributes["penstock.trace.kept"] == "sampled"
    assert server.attributes["http.response.status_code"] == 200


def test_failed_attempts_end_when_they_failed_and_carry_no_tokens() -> None:
    attempts = [
        ("00000000000000f1", "other", "m-1", 0.2, 0.4, 0, "reset"),
        ("00000000000000f2", "other", "m-1", 0.5, 0.6, 503, "overloaded"),
        ("00000000000000f3", "up", "m-2", 0.7, 0.9, 200, ""),
    ]
    _, _, first, second, last = spans(call(trace=traced(attempts=attempts), attempts=3))
    assert (first.start, first.end, first.error) == (at(0.2), at(0.4), "upstream_cut")
    assert (second.error, second.attributes["http.response.status_code"]) == ("upstream_overloaded", 503)
    assert (last.end, last.error, last.name) == (at(2.0), "", "chat m-2")
    assert first.attributes["error.type"] == "upstream_cut"
    assert first.attributes["gen_ai.provider.name"] == "vllm"
    assert ["gen_ai.usage.input_tokens" in span.attributes for span in (first, second, last)] == [False, False, True]


def test_of_a_hedge_only_the_winner_has_the_tokens() -> None:
    attempts = [
        ("00000000000000f1", "up", "m", 0.2, 0.9, 200, ""),
        ("00000000000000f2", "other", "m", 0.5, 0.0, 0, ""),
    ]
    _, _, won, lost = spans(call(trace=traced(attempts=attempts), attempts=2, hedge="lost"))
    assert "gen_ai.usage.output_tokens" in won.attributes
    assert won.end == at(2.0)
    assert "gen_ai.usage.output_tokens" not in lost.attributes


def test_an_upstream_inside_the_process_has_a_span_too() -> None:
    _, _, client = spans(call(upstream="echo", trace=traced(attempts=[])))
    assert (client.name, client.start, client.attributes["gen_ai.provider.name"]) == ("chat m", at(0.2), "penstock")


def test_what_the_cache_answered_asked_nobody() -> None:
    kinds = [span.kind for span in spans(call(cache="hit", attempts=0, waits=None, trace=traced(attempts=[])))]
    assert kinds == [SERVER]
    shared = spans(call(cache="coalesced", waits=None, trace=traced(attempts=[])))
    assert [span.kind for span in shared] == [SERVER], "the leader's trace has the attempt, and the tokens"


def test_whose_fault_an_error_was() -> None:
    server, client = spans(call(status=504, outcome="error", fault="upstream", error="upstream_timeout", waits=None))
    assert (server.error, server.attributes["error.type"]) == ("upstream_timeout", "upstream_timeout")
    assert client.error == "upstream_timeout"
    server, client = spans(call(status=499, outcome="left", waits=None))
    assert (server.error, client.error) == ("caller_left", "")


def test_waits_stand_in_a_row_and_within_the_call() -> None:
    made = spans(call(waits={"admission": 0.5, "batching": 4.0}))
    waits = [span for span in made if span.kind == INTERNAL]
    assert [(span.start, span.end) for span in waits] == [(at(0), at(0.5)), (at(0.5), at(2.0))]


def test_a_call_whose_trace_is_not_kept_has_no_spans() -> None:
    assert spans(call(trace=None)) == []


def test_no_text_of_anybodys_is_in_them() -> None:
    known = {one.name for one in (*OPERATIONS, *BELOW)}
    assert set(ROUTES) == known
    for operation in sorted(known):
        for span in spans(call(operation=operation)):
            assert not [value for value in span.attributes.values() if isinstance(value, str) and "secret" in value]

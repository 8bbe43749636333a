import json
from typing import Any

import pytest

from penstock.core.call import Call
from penstock.core.errors import CallerError, GatewayError
from penstock.core.exchange import Exchange
from penstock.edge.socket_messages import (
    answered,
    call_headers,
    cancelled,
    ended,
    failed,
    read_message,
    started,
    told,
)
from penstock.wire.operations import find
from penstock.wire.sse import Event

NOW = 1_800_000_000.25


def exchange(**facts: Any) -> Exchange:
    body: Any = None
    operation = find("/v1/chat/completions")
    assert operation is not None
    one = Exchange("req_1", Call(operation, "POST", "/", b"", [], "c"), 0, 1, body)
    one.call.model = "asked"
    for name, value in facts.items():
        setattr(one, name, value)
    return one


# ---- in


def test_a_call_keeps_its_body_byte_for_byte() -> None:
    asked = read_message(b'{"type":"call","id":"a","body": {"model" :"m", "n":1e0} }')
    assert (asked.id, asked.path, bytes(asked.body)) == ("a", "/v1/chat/completions", b'{"model" :"m", "n":1e0}')


def test_a_call_is_what_is_meant_when_nothing_else_is_said() -> None:
    assert read_message(b'{"id":"a","body":{}}').type == "call"
    assert read_message(b'{"id":"a","type":"cancel"}').type == "cancel"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b'{"body":{}}',
        b'{"id":"","body":{}}',
        b'{"id":7,"body":{}}',
        b'{"id":"%b","body":{}}' % (b"x" * 129),
        b'{"id":"a"}',
        b'{"id":"a","body":[]}',
        b'{"id":"a","body":"x"}',
        b'{"id":"a","type":"sing","body":{}}',
        b'{"id":"a","body":{},"colour":"red"}',
        b'{"id":"a","body":{},"headers":{"x-penstock-session":"a\\r\\nx: y"}}',
        b'{"id":"a","body":%b1%b}' % (b"[" * 5000, b"]" * 5000),
    ],
)
def test_a_message_that_is_none_is_refused(message: bytes) -> None:
    with pytest.raises(CallerError) as refused:
        read_message(message)
    assert refused.value.code == "bad_message"


def test_the_head_of_a_call_is_the_handshake_less_what_is_about_the_socket() -> None:
    handshake = [
        (b"host", b"h"), (b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-key", b"k"),
        (b"sec-websocket-protocol", b"openai-insecure-api-key.secret"), (b"authorization", b"Bearer s"),
        (b"x-penstock-session", b"old"), (b"x-penstock-resume", b"true"),
    ]  # fmt: skip
    assert call_headers(handshake, {"X-Penstock-Session": "new", "anthropic-version": "1"}) == [
        (b"host", b"h"), (b"authorization", b"Bearer s"), (b"content-type", b"application/json"),
        (b"x-penstock-resume", b"false"), (b"x-penstock-session", b"new"), (b"anthropic-version", b"1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["authorization", "host", "content-length", "x-penstock-nothing", "x-penstock-resume", "anthropic-x\r\ny"]
)
def test_a_message_sets_no_other_field(name: str) -> None:
    with pytest.raises(CallerError) as refused:
        call_headers([], {name: "v"})
    assert refused.value.param == "headers"


# ---- out


def event(data: bytes, kind: str = "") -> Any:
    message = told("a", Event(kind, data, None, None), 7, NOW, "from head")
    return None if message is None else json.loads(message)


def test_an_event_is_told_with_what_it_means_and_as_it_was() -> None:
    data = {"model": "m", "choices": [{"delta": {"content": "hé"}, "logprobs": {"content": [{"logprob": 0.0}]}}]}
    assert event(json.dumps(data, ensure_ascii=False).encode(), "kind") == {
        "type": "event", "id": "a", "index": 7, "time": NOW, "model": "m", "text": "hé", "confidence": 1.0,
        "is_special": False, "is_complete": False, "event": "kind", "data": data,
    }  # fmt: skip


def test_the_dialects_own_end_is_not_told_twice() -> None:
    assert event(b"[DONE]") is None


@pytest.mark.parametrize(
    ("data", "shown"), [(b"plain", "plain"), (b"{", "{"), (b"\xff", "\ufffd"), (b'{"a":"\xff"}', {"a": "\ufffd"})]
)
def test_what_is_no_json_cannot_spoil_the_message(data: bytes, shown: Any) -> None:
    got = event(data)
    assert (got["data"], got["is_special"], got["model"]) == (shown, True, "from head")


def test_the_beginning_and_the_end_of_a_stream() -> None:
    one = exchange(status=200, upstream="up", answered_as="other", tokens_in=2, tokens_out=3, tokens_cached=1)
    assert json.loads(started("a", one, NOW)) == {
        "type": "start", "id": "a", "request_id": "req_1", "time": NOW, "status": 200, "model": "other",
        "upstream": "up",
    }  # fmt: skip
    assert json.loads(ended("a", one, 9, NOW)) == {
        "type": "end", "id": "a", "index": 9, "time": NOW, "model": "other", "is_complete": True,
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5, "cached_tokens": 1},
    }  # fmt: skip
    assert json.loads(ended("a", exchange(), 0, NOW))["usage"] is None


def test_an_answer_is_one_message_and_an_upstreams_error_says_so() -> None:
    got = json.loads(answered("a", exchange(status=200), b' {"x": 1}\n', NOW))
    assert (got["type"], got["status"], got["body"]) == ("answer", 200, {"x": 1})
    got = json.loads(answered("a", exchange(status=429), b"slow down", NOW))
    assert (got["type"], got["status"], got["body"]) == ("error", 429, "slow down")


def test_an_error_carries_the_dialects_body() -> None:
    got = json.loads(failed("a", GatewayError("full", retry_after=1.5), "openai", "req_1", NOW))
    assert (got["id"], got["status"], got["retryable"], got["retry_after"]) == ("a", 503, True, 1.5)
    assert got["body"]["error"]["code"] == "gateway_unavailable"
    got = json.loads(failed(None, CallerError("what?"), "anthropic", "req_1", NOW))
    assert got["id"] is None
    assert got["body"]["type"] == "error"
    assert "retry_after" not in got


def test_a_cancel_is_confirmed() -> None:
    assert json.loads(cancelled("a", NOW)) == {"type": "cancelled", "id": "a", "time": NOW}

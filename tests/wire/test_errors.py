import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError, Fail, GatewayError, UpstreamError
from penstock.wire.errors import error_body, error_event, error_headers, upstream_message, with_note
from penstock.wire.sse import parse

OPENAI = [
    (CallerError("m"), "invalid_request_error"),
    (CallerError("m", status=401), "authentication_error"),
    (CallerError("m", status=403), "permission_error"),
    (CallerError("m", status=404), "not_found_error"),
    (CallerError("m", status=405), "invalid_request_error"),
    (CallerError("m", status=413), "invalid_request_error"),
    (CallerError("m", status=429), "rate_limit_error"),
    (UpstreamError("m", status=429), "rate_limit_error"),
    (GatewayError("m"), "overloaded_error"),
    (GatewayError("m", status=500), "server_error"),
    (UpstreamError("m"), "upstream_error"),
    (UpstreamError("m", status=504), "upstream_error"),
    (UpstreamError("m", status=503), "upstream_error"),
]
ANTHROPIC = [
    (CallerError("m"), "invalid_request_error"),
    (CallerError("m", status=401), "authentication_error"),
    (CallerError("m", status=403), "permission_error"),
    (CallerError("m", status=404), "not_found_error"),
    (CallerError("m", status=405), "invalid_request_error"),
    (CallerError("m", status=413), "request_too_large"),
    (CallerError("m", status=429), "rate_limit_error"),
    (GatewayError("m"), "overloaded_error"),
    (GatewayError("m", status=500), "api_error"),
    (UpstreamError("m"), "api_error"),
    (UpstreamError("m", status=504), "timeout_error"),
    (UpstreamError("m", status=529), "overloaded_error"),
]


@pytest.mark.parametrize(("fail", "kind"), OPENAI)
def test_openai_bodies(fail, kind):
    fail.param = "model"
    body = error_body(fail, "openai", "req-1")
    assert body.endswith(b"}\n")
    error = {"message": "m (request id: req-1)", "type": kind, "param": "model", "code": fail.code}
    assert json.loads(body) == {"error": error}


@pytest.mark.parametrize(("fail", "kind"), ANTHROPIC)
def test_anthropic_bodies(fail, kind):
    body = error_body(fail, "anthropic", "req-1")
    assert body.endswith(b"}\n")
    error = {"type": kind, "message": "m (request id: req-1)"}
    assert json.loads(body) == {"type": "error", "error": error, "request_id": "req-1"}


def test_events():
    fail = UpstreamError("cut\n\noff")
    (event,) = parse(error_event(fail, "openai", "r"))
    assert event.event == ""
    assert event.data + b"\n" == error_body(fail, "openai", "r")
    (event,) = parse(error_event(fail, "anthropic", "r"))
    assert event.event == "error"
    assert event.data + b"\n" == error_body(fail, "anthropic", "r")


@given(st.text(alphabet=st.characters(codec=None), max_size=50), st.sampled_from(["openai", "anthropic"]))
def test_any_message_can_be_said(text, dialect):
    fail = CallerError(text, param=text)
    told = json.loads(error_body(fail, dialect, text))["error"]["message"]
    if text.isprintable():
        assert told == f"{text} (request id: {text})"
    assert len(told) == 2 * len(text) + len(" (request id: )")
    assert len(parse(error_event(fail, dialect, text))) == 1


def test_long_messages_are_cut():
    assert len(error_body(CallerError("x" * 1_000_000), "openai", "r")) < 3000


@pytest.mark.parametrize(
    ("fail", "fields"),
    [
        (CallerError("m"), {b"x-penstock-fault": b"caller", b"x-should-retry": b"false"}),
        (UpstreamError("m"), {b"x-penstock-fault": b"upstream", b"x-should-retry": b"true"}),
        (
            CallerError("m", status=401),
            {b"x-penstock-fault": b"caller", b"x-should-retry": b"false", b"www-authenticate": b"Bearer"},
        ),
        (
            CallerError("m", status=405, allow="GET, POST"),
            {b"x-penstock-fault": b"caller", b"x-should-retry": b"false", b"allow": b"GET, POST"},
        ),
        (
            GatewayError("m", retry_after=0.02),
            {
                b"x-penstock-fault": b"gateway",
                b"x-should-retry": b"true",
                b"retry-after": b"1",
                b"retry-after-ms": b"20",
            },
        ),
        (
            GatewayError("m", retry_after=1.2),
            {
                b"x-penstock-fault": b"gateway",
                b"x-should-retry": b"true",
                b"retry-after": b"2",
                b"retry-after-ms": b"1200",
            },
        ),
    ],
)
def test_fields(fail, fields):
    assert dict(error_headers(fail)) == fields


@pytest.mark.parametrize("wait", [math.inf, -math.inf, -1.0, 1e300, 0.0])
def test_a_wait_is_at_least_a_second_and_at_most_a_day(wait):
    fields = dict(error_headers(Fail("m", retry_after=wait)))
    assert 1 <= int(fields[b"retry-after"]) <= 86_400
    assert int(fields[b"retry-after-ms"]) >= 0


def test_a_wait_that_is_no_number_is_not_told():
    assert b"retry-after" not in dict(error_headers(Fail("m", retry_after=math.nan)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"No such model","type":"x"}}', "No such model"),
        (b'{"error":"model not loaded"}', "model not loaded"),
        (b'{"object":"error","message":"too long","code":400}', "too long"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Overloaded"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"detail":[{"loc":["body"],"msg":"field required"}]}', "field required"),
        (b'{"errors":[{"message":"first"},{"message":"second"}]}', "first"),
        (b'[{"error":{"code":400,"message":"API key not valid","status":"X"}}]', "API key not valid"),
        (b'"plain"', "plain"),
        (b"upstream connect error\r\n  or reset", "upstream connect error or reset"),
        (b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "502 Bad Gateway"),
        (b"<p>no <b>title</b></p>", "no title"),
        (b'event: error\ndata: {"type":"error","error":{"message":"late"}}\n\n', "late"),
        (b'data: {"error":{"message":"late"}}\n\n', "late"),
        (b'{"error":{"code":7}}', ""),
        (b'{"error":{"mess', ""),
        (b"", ""),
        (b"[" * 100_000, ""),
        (b"[" * 900 + b"]" * 900, ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_upstream_messages(body, message):
    assert upstream_message(body) == message


@given(st.binary(max_size=100) | st.binary(max_size=30).map(lambda data: b'{"error":"' + data + b'"}'))
def test_any_upstream_body_gives_a_line(body):
    told = upstream_message(body)
    assert "\n" not in told
    assert len(told) <= 500


def test_upstream_messages_are_bounded():
    assert len(upstream_message(b"x" * 10_000_000)) <= 500


@pytest.mark.parametrize(
    ("body", "noted"),
    [
        (b'{"error":{"message":"no","code":1}}', b'{"error":{"message":"no; x","code":1}}'),
        (
            b'{"type":"error","error":{"type":"t","message":"no"}}',
            b'{"type":"error","error":{"type":"t","message":"no; x"}}',
        ),
        (b'{"message":"no"}', b'{"message":"no; x"}'),
        (b'{"error":"no"}', b'{"error":"no"}'),
        (b"<html>", b"<html>"),
        (b"", b""),
        (b"[1]", b"[1]"),
        (b'{"error":{"message":5}}', b'{"error":{"message":5}}'),
    ],
)
def test_a_note_stands_after_an_upstreams_message(body: bytes, noted: bytes) -> None:
    assert with_note(body, "; x") == noted

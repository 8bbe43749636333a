"""What passes through unread: bodies byte for byte in both directions, and which header fields go which way."""

import http.client
import json
import os

import pytest

from tests.clients.conftest import UPSTREAM_KEY
from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream

# Odd, but JSON: the upstream must see these very bytes.
ODD = b'{ "zz" : [1.0,\t1e2, "\\u00fc\xc3\xbc"] ,\n"model":"%b" , "n_probs":  5, "nested": {"model": "inner"} }'
ANSWER = b'{"odd" :  [1.50, "\\u00e9"], "object":"anything"}\n'


class Asked:
    """An answer read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.getheaders()]
        self.body = response.read()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def ask(
    gateway: RunningGateway, path: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST"
) -> Asked:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    try:
        sent = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json", **(headers or {})}
        connection.request(method, path, body, sent)
        return Asked(connection.getresponse())
    finally:
        connection.close()


JSON_PATHS = [
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/rerank", "/v1/moderations",
    "/v1/images/generations", "/v1/audio/speech", "/v1/messages", "/v1/messages/count_tokens",
]  # fmt: skip


@pytest.mark.parametrize("path", JSON_PATHS)
def test_bodies_pass_byte_for_byte(gateway: RunningGateway, upstream: ScriptedUpstream, path: str) -> None:
    upstream.answers[path] = Answer(body=ANSWER)
    answer = ask(gateway, path + "?beta=true&x=%20", ODD % b"scripted")
    (request,) = upstream.requests
    assert (request.method, request.target) == ("POST", path + "?beta=true&x=%20")
    assert request.body == ODD % b"scripted"
    assert (answer.status, answer.body) == (200, ANSWER)


@pytest.mark.parametrize("path", JSON_PATHS)
def test_the_model_is_the_only_rewrite(gateway: RunningGateway, upstream: ScriptedUpstream, path: str) -> None:
    upstream.answers[path] = Answer(body=ANSWER)
    ask(gateway, path, ODD % b"renamed")
    (request,) = upstream.requests
    assert request.body == ODD % b"org/the-real-name"


def test_speech_comes_back_as_the_bytes_it_is(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    sound = bytes(range(256)) * 4000
    chunks = tuple(sound[start : start + 65536] for start in range(0, len(sound), 65536))
    upstream.answers["/v1/audio/speech"] = Answer(headers=(("content-type", "audio/mpeg"),), chunks=chunks)
    answer = ask(gateway, "/v1/audio/speech", b'{"model":"scripted","input":"hi","voice":"v"}')
    assert answer.header("content-type") == "audio/mpeg"
    assert answer.body == sound


def test_streams_of_other_dialects_pass_unread(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    events = (
        b'event: message_start\ndata: {"type":"message_start"}\n\n',
        b": a comment\n\n",
        b'event: x\ndata: {"y": 1 }\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )
    upstream.answers["/v1/messages"] = Answer(headers=(EVENTS,), chunks=events)
    answer = ask(gateway, "/v1/messages", b'{"model":"claude","max_tokens":5,"stream":true,"messages":[]}')
    assert answer.body == b"".join(events)
    assert answer.header("content-type") == "text/event-stream"
    assert "no-transform" in str(answer.header("cache-control"))
    assert json.loads(upstream.requests[0].body) == {
        "model": "claude", "max_tokens": 5, "stream": True, "messages": [],
    }  # fmt: skip


# ---- multipart: never held whole, never read beyond what routing needs


def multipart(*parts: tuple[str, bytes]) -> tuple[bytes, str]:
    boundary = "penstock-test-boundary"
    lines = [
        b'--%b\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (boundary.encode(), name.encode(), b'; filename="a.bin"' if name == "file" else b"", value)
        for name, value in parts
    ]
    return b"".join(lines) + b"--%b--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_transcription_is_passed_on_unread(gateway: RunningGateway, upstream: ScriptedUpstream, size: int) -> None:
    upstream.answers["/v1/audio/transcriptions"] = Answer(body=b'{"text":"hello"}')
    body, kind = multipart(("model", b"scripted"), ("file", os.urandom(size)))
    answer = ask(gateway, "/v1/audio/transcriptions", body, {"content-type": kind})
    assert answer.body == b'{"text":"hello"}'
    (request,) = upstream.requests
    assert request.body == body
    assert request.header("content-type") == kind
    assert request.header("content-length") == str(len(body))


def test_a_file_upload_without_a_length_is_passed_on(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/files"] = Answer(body=b'{"id":"file-1","object":"file"}')
    body, kind = multipart(("purpose", b"assistants"), ("file", os.urandom(500_000)))
    pieces = (body[start : start + 40_000] for start in range(0, len(body), 40_000))
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": kind}
    connection.request("POST", "/v1/files", pieces, headers, encode_chunked=True)
    assert Asked(connection.getresponse()).body == b'{"id":"file-1","object":"file"}'
    connection.close()
    (request,) = upstream.requests
    assert request.body == body
    assert request.header("transfer-encoding") == "chunked"


def test_stored_things_are_fetched_and_deleted(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/files/file-1/content"] = Answer(headers=(("content-type", "text/plain"),), body=b"a\x00b")
    upstream.answers["/v1/files/file-1"] = Answer(body=b'{"deleted":true}')
    assert ask(gateway, "/v1/files/file-1/content", b"", method="GET").body == b"a\x00b"
    assert ask(gateway, "/v1/files/file-1", b"", method="DELETE").body == b'{"deleted":true}'
    assert [request.method for request in upstream.requests] == ["GET", "DELETE"]


def test_an_id_cannot_climb_out_of_its_collection(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    for path in ("/v1/files/../models", "/v1/files/%2e%2e/models", "/v1/files//x", "/v1/files/a/b/c/d"):
        assert ask(gateway, path, b"", method="GET").status in (400, 404), path
    assert upstream.requests == []


# ---- header fields


def test_what_reaches_the_upstream(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(body=ANSWER)
    stopped = {
        "x-penstock-tags": "team=blue", "x-penstock-session": "s", "cookie": "a=b", "x-forwarded-for": "1.2.3.4",
        "x-real-ip": "1.2.3.4", "openai-organization": "org-other", "connection": "keep-alive, x-gone", "x-gone": "1",
        "x-api-key": gateway.key, "accept-encoding": "gzip, br", "te": "trailers", "proxy-authorization": "Basic eA==",
        "x-team": "red", "x-request-id": "mine", "forwarded": "for=1.2.3.4",
    }  # fmt: skip
    kept = {"x-custom": "yes; really", "anthropic-beta": "b1,b2", "x-stainless-lang": "python", "traceparent": "00-1"}
    answer = ask(gateway, "/v1/chat/completions", b'{"model":"scripted","messages":[]}', {**stopped, **kept})
    assert answer.status == 200
    (request,) = upstream.requests
    seen = dict(request.headers)
    assert {name: seen.get(name) for name in kept} == kept
    assert seen["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert seen["x-team"] == "blue"  # the configured one, once
    assert seen["host"] == f"127.0.0.1:{upstream.port}"
    assert seen["accept-encoding"] == "identity"
    assert len(request.names()) == len(set(request.names()))
    left = set(stopped) - {"x-team", "accept-encoding"}
    assert not left & set(request.names())
    assert not [name for name in request.names() if name.startswith("x-penstock-")]
    assert gateway.key.encode() not in request.raw_head + request.body


def test_the_key_goes_where_the_kind_wants_it(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/messages"] = Answer(body=ANSWER)
    ask(gateway, "/v1/messages", b'{"model":"claude","max_tokens":1,"messages":[]}')
    (request,) = upstream.requests
    assert (request.header("x-api-key"), request.header("authorization")) == (UPSTREAM_KEY, None)
    assert request.header("anthropic-version") == "2023-06-01"


def test_a_server_that_closes_unannounced_gets_one_call_a_connection(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(body=ANSWER)
    sent = {"connection": "x-gone", "x-gone": "1"}
    ask(gateway, "/v1/chat/completions", b'{"model":"cpp","messages":[]}', sent)
    (request,) = upstream.requests
    assert [value for name, value in request.headers if name == "connection"] == ["close"]
    assert request.header("x-gone") is None


def test_what_reaches_the_caller(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    stopped = {
        "set-cookie": "session=1", "authorization": f"Bearer {UPSTREAM_KEY}", "x-api-key": UPSTREAM_KEY,
        "x-request-id": "theirs", "server": "secret-server/1.0", "x-penstock-model": "forged", "via": "1.1 inner",
        "access-control-allow-origin": "*", "connection": "x-hop", "x-hop": "1", "openai-organization": "ours",
        "strict-transport-security": "max-age=1", "location": "http://10.0.0.1/",
    }  # fmt: skip
    kept = {
        "x-ratelimit-remaining-tokens": "149", "retry-after": "3", "anthropic-ratelimit-requests-limit": "50",
        "openai-processing-ms": "12", "x-custom": "yes",
    }  # fmt: skip
    fields = (("content-type", "application/json"), *stopped.items(), *kept.items())
    upstream.answers["/v1/chat/completions"] = Answer(headers=fields, body=ANSWER)
    answer = ask(gateway, "/v1/chat/completions", b'{"model":"scripted","messages":[]}')
    seen = dict(answer.headers)
    assert {name: seen.get(name) for name in kept} == kept
    assert seen["x-penstock-model"] == "scripted"
    assert seen["x-request-id"].startswith("req_")
    assert not (set(stopped) - {"x-penstock-model", "x-request-id", "connection"}) & set(seen)
    assert UPSTREAM_KEY not in str(answer.headers)


def test_an_unknown_field_of_ours_is_refused(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    answer = ask(gateway, "/v1/chat/completions", b'{"model":"scripted","messages":[]}', {"x-penstock-sesion": "typo"})
    assert answer.status == 400
    assert b"x-penstock-session" in answer.body
    assert upstream.requests == []


def test_redirects_are_not_followed(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(307, (("location", "http://127.0.0.1:1/steal"),), b"moved")
    answer = ask(gateway, "/v1/chat/completions", b'{"model":"scripted","messages":[]}')
    assert (answer.status, answer.header("location"), len(upstream.requests)) == (307, None, 1)

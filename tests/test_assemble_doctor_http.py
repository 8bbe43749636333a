import json
import socket
from collections.abc import Iterator

import pytest

from penstock.assemble_doctor_http import STEPS, examine
from penstock.assemble_doctor_reach import Patient, Step
from penstock.routing.config import TimeoutsConfig
from penstock.routing.upstream_config import UpstreamConfig
from tests.support.scripted_upstream import EVENTS, Answer, Request, ScriptedUpstream

KEY = "sk-very-secret-1234"
LIST = Answer(body=json.dumps({"data": [{"id": "text-embed-3"}, {"id": "big-chat"}, {"id": "small-chat"}]}).encode())
WHOLE = Answer(body=b'{"choices":[{"message":{"content":"x"}}]}')
STREAM = Answer(headers=(EVENTS,), chunks=(b"data: {}\n\n", b"data: [DONE]\n\n"))


def refusal(status: int, message: str) -> Answer:
    return Answer(status, body=json.dumps({"error": {"message": message}}).encode())


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        upstream.answers["/v1/models"] = LIST
        upstream.answers["/v1/chat/completions"] = chat
        yield upstream


def chat(connection: socket.socket, request: Request) -> None:
    answer = STREAM if json.loads(request.body)["stream"] else WHOLE
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in answer.chunks or ())
    connection.sendall(answer.head() + (parts + b"0\r\n\r\n" if answer.chunks else answer.body))


def examined(
    upstream: ScriptedUpstream, *wanted: str, key: str | None = KEY, kind: str = "vllm", patience: float = 20.0
) -> dict[str, Step]:
    config = UpstreamConfig(kind=kind, base_url=upstream.url, api_key=key)
    timeouts = TimeoutsConfig(connect=20.0, first_token=patience)
    steps: list[Step] = []
    examine(Patient("gpu", config, timeouts, "$GPU_KEY (penstock.yaml:7)", wanted), steps.append)
    assert [step.name for step in steps] == list(STEPS)
    return {step.name: step for step in steps}


def test_of_several_keys_each_is_shown(upstream: ScriptedUpstream) -> None:
    def by_key(connection: socket.socket, request: Request) -> None:
        good = (request.header("authorization") or "").endswith(("one", "two"))
        answer = LIST if good else refusal(401, f"bad key {request.header('authorization')}")
        connection.sendall(answer.head() + answer.body)

    upstream.answers["/v1/models"] = by_key
    for keys, state, said in (
        (["sk-one", "sk-two"], "ok", "the 2 keys are accepted"),
        (["sk-one", "sk-wrong", "sk-two"], "failed", "key 2 of 3: 401: bad key Bearer ***"),
    ):
        config = UpstreamConfig(kind="vllm", base_url=upstream.url, api_keys=keys)
        steps: list[Step] = []
        examine(Patient("gpu", config, TimeoutsConfig(), "penstock.yaml:7", ("big-chat",)), steps.append)
        (auth,) = [step for step in steps if step.name == "auth"]
        assert (auth.state, auth.said) == (state, said)


def test_all_well(upstream: ScriptedUpstream) -> None:
    steps = examined(upstream, "big-chat")
    assert {name: step.state for name, step in steps.items()} == {
        "dns": "ok", "tcp": "ok", "tls": "skipped", "auth": "ok", "models": "ok", "token": "ok", "stream": "ok",
    }  # fmt: skip
    assert steps["models"].said == "3: text-embed-3, big-chat, small-chat"
    assert steps["stream"].said == "2 events"
    assert all(request.header("authorization") == f"Bearer {KEY}" for request in upstream.requests)
    bodies = [json.loads(request.body) for request in upstream.requests[1:]]
    assert [(body["model"], body["max_tokens"], body["stream"]) for body in bodies] == [
        ("big-chat", 1, False),
        ("big-chat", 1, True),
    ]


def test_a_refused_key_is_named_by_its_place_and_ends_the_examination(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = refusal(401, f"Incorrect API key provided: {KEY}")
    steps = examined(upstream, "big-chat")
    assert steps["auth"].state == "failed"
    assert steps["auth"].said == "401: Incorrect API key provided: ***"
    assert steps["auth"].fix == "it does not accept the key in $GPU_KEY (penstock.yaml:7): put a valid one there"
    assert (steps["token"].state, steps["token"].said) == ("skipped", "auth failed")
    assert KEY not in str(steps)


def test_a_missing_key(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = refusal(401, "no key")
    assert examined(upstream, "big-chat", key=None)["auth"].fix == "set upstreams.gpu.api_key"


def test_a_list_that_is_open_to_all_does_not_prove_the_key(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = refusal(403, "forbidden")
    steps = examined(upstream, "big-chat")
    assert (steps["auth"].state, steps["token"].state) == ("ok", "failed")
    assert "$GPU_KEY" in steps["token"].fix


def test_a_model_that_it_does_not_have(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = refusal(404, "model not found")
    steps = examined(upstream, "big-chta")
    assert steps["models"].said.endswith("; not among them: big-chta")
    assert "big-chat" in steps["token"].fix


def test_a_star_takes_a_listed_model_that_can_chat(upstream: ScriptedUpstream) -> None:
    assert examined(upstream, "*")["token"].said == "big-chat"
    assert examined(upstream, "small*")["token"].said == "small-chat"
    assert examined(upstream, "text*")["token"].state == "skipped"


def test_without_a_model_nothing_is_asked(upstream: ScriptedUpstream) -> None:
    steps = examined(upstream)
    assert (steps["token"].state, steps["stream"].state) == ("skipped", "skipped")
    assert [request.target for request in upstream.requests] == ["/v1/models"]


def test_newer_models_want_another_name_for_the_limit(upstream: ScriptedUpstream) -> None:
    def picky(connection: socket.socket, request: Request) -> None:
        if b'"max_tokens"' in request.body:
            answer = refusal(400, "Unsupported parameter: 'max_tokens'")
            connection.sendall(answer.head() + answer.body)
        else:
            chat(connection, request)

    upstream.answers["/v1/chat/completions"] = picky
    steps = examined(upstream, "big-chat")
    assert (steps["token"].state, steps["stream"].state) == ("ok", "ok")


def test_a_server_that_does_not_stream(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = WHOLE
    steps = examined(upstream, "big-chat")
    assert (steps["token"].state, steps["stream"].state) == ("ok", "failed")
    assert "application/json" in steps["stream"].said


@pytest.mark.parametrize(("status", "words"), [(429, "limits"), (402, "balance"), (500, "its own log")])
def test_what_to_do_about_a_status(upstream: ScriptedUpstream, status: int, words: str) -> None:
    upstream.answers["/v1/chat/completions"] = refusal(status, "because")
    step = examined(upstream, "big-chat")["token"]
    assert step.said == f"{status}: because"
    assert words in step.fix


def test_no_list_is_no_illness(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = refusal(404, "not here")
    steps = examined(upstream, "big-chat")
    assert (steps["auth"].state, steps["models"].state, steps["token"].state) == ("ok", "skipped", "ok")


def test_a_server_that_says_nothing(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = lambda connection, request: connection.recv(1)
    step = examined(upstream, "big-chat", patience=0.3)["auth"]
    assert (step.state, step.said) == ("failed", "no answer in time")
    assert "timeouts.first_token is 0.3 s" in step.fix
    assert 250 < step.milliseconds < 20_000


def test_a_server_that_is_none(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/models"] = lambda connection, request: connection.sendall(b"220 smtp ready\r\n")
    step = examined(upstream, "big-chat")["auth"]
    assert step.state == "failed"
    assert "does not speak HTTP" in step.fix


def test_anthropic_is_asked_in_its_own_words(upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/messages"] = chat
    steps = examined(upstream, "big-chat", kind="anthropic")
    assert (steps["token"].state, steps["stream"].state) == ("ok", "ok")
    asked = upstream.requests[1]
    assert (asked.target, asked.header("x-api-key")) == ("/v1/messages", KEY)
    assert asked.header("anthropic-version")
    assert asked.header("authorization") is None


def test_a_child_of_ours_has_no_network_steps(upstream: ScriptedUpstream) -> None:
    config = UpstreamConfig(kind="llamacpp", base_url=upstream.url)
    inner = Patient("local", config, TimeoutsConfig(), "", ("big-chat",), addresses=["127.0.0.1"])
    steps: list[Step] = []
    examine(inner, steps.append, connected=True)
    assert [step.state for step in steps] == ["skipped"] * 3 + ["ok"] * 4

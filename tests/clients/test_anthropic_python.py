"""anthropic-python, unmodified, against a running gateway."""

import json
from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic

from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream

ASK = [{"role": "user", "content": "one two three"}]


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=10) as client:
        yield client


def test_messages(client: Anthropic) -> None:
    answer = client.messages.create(model="echo", max_tokens=50, messages=ASK)
    assert (answer.content[0].text, answer.stop_reason) == ("one two three", "end_turn")
    assert answer.usage.output_tokens == 3
    assert answer._request_id.startswith("req_")


def test_bearer_is_as_good_as_x_api_key(gateway: RunningGateway) -> None:
    with Anthropic(base_url=gateway.url, auth_token=gateway.key, max_retries=0) as client:
        assert client.messages.create(model="echo", max_tokens=50, messages=ASK).content[0].text == "one two three"


def test_stream(client: Anthropic) -> None:
    with client.messages.stream(model="echo", max_tokens=50, messages=ASK) as stream:
        assert "".join(stream.text_stream) == "one two three"
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)
    assert final.usage.input_tokens > 0


def test_count_tokens(client: Anthropic) -> None:
    assert client.messages.count_tokens(model="echo", messages=ASK).input_tokens > 0


def test_models(client: Anthropic) -> None:
    assert "echo" in {model.id for model in client.models.list()}
    assert client.models.retrieve("echo").type == "model"


def test_wrong_key(gateway: RunningGateway) -> None:
    with Anthropic(base_url=gateway.url, api_key="sk-pen-wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            stranger.messages.create(model="echo", max_tokens=5, messages=ASK)
    body = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "authentication_error")
    assert body["request_id"] == caught.value.request_id


def test_unknown_model(client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="echo") as caught:
        client.messages.create(model="ecco", max_tokens=5, messages=ASK)
    assert caught.value.body["error"]["type"] == "not_found_error"
    assert caught.value.request_id.startswith("req_")


def test_a_model_without_this_dialect(client: Anthropic) -> None:
    """The upstream of "chat-only" has no Messages API: said as such, and not by sending the call there."""
    with pytest.raises(anthropic.NotFoundError, match="no upstream of model 'chat-only' offers /messages"):
        client.messages.create(model="chat-only", max_tokens=5, messages=ASK)


def test_betas_and_versions_reach_the_upstream_byte_for_byte(client: Anthropic, upstream: ScriptedUpstream) -> None:
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
            "stop_sequence": None, "content": [], "usage": {"input_tokens": 1, "output_tokens": 0}}  # fmt: skip
    upstream.answers["/v1/messages"] = Answer(body=json.dumps(told).encode())
    betas = ["a-2025-01-01", "b-2025-02-02", "c-2025-03-03"]
    client.beta.messages.create(
        model="claude", max_tokens=5, messages=ASK, betas=betas, extra_query={"beta": "true"},
        extra_body={"context_management": {"edits": []}}, extra_headers={"anthropic-version": "2024-12-31"},
    )  # fmt: skip
    (request,) = upstream.requests
    assert request.target == "/v1/messages?beta=true"
    assert request.header("anthropic-beta") == ",".join(betas)
    assert request.header("anthropic-version") == "2024-12-31"
    assert json.loads(request.body)["context_management"] == {"edits": []}


def test_errors_within_a_stream(client: Anthropic, upstream: ScriptedUpstream) -> None:
    def cut(connection: object, request: object) -> None:
        event = b'event: ping\ndata: {"type": "ping"}\n\n'
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head() + b"%x\r\n%b\r\n" % (len(event), event))
        connection.shutdown(2)

    upstream.answers["/v1/messages"] = cut
    with pytest.raises(anthropic.APIStatusError, match="in the middle of the answer"):
        list(client.messages.create(model="claude", max_tokens=5, messages=ASK, stream=True))

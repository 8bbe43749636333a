"""openai-python, unmodified, against a running gateway: plain and asyncio, whole and streamed."""

import asyncio
import base64
import json
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.running_gateway import RunningGateway
from tests.support.scripted_upstream import EVENTS, Answer, Request, ScriptedUpstream

ASK = [{"role": "user", "content": "one two three"}]


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.v1, api_key=gateway.key, max_retries=0, timeout=10) as client:
        yield client


def aclient(gateway: RunningGateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=gateway.v1, api_key=gateway.key, max_retries=0, timeout=10)


def said(client: OpenAI, **more: object) -> list:
    """The chunks of a streamed chat with the scripted model."""
    return list(client.chat.completions.create(model="scripted", messages=ASK, stream=True, **more))


def as_vllm_answers(*, usage: bool) -> tuple[bytes, ...]:
    """A stream as a model server sends it, the usage chunk where it was asked for."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    parts = [{**base, "choices": [{"index": 0, "delta": {"content": text}}]} for text in ("a", "b")]
    parts[-1]["choices"][0]["finish_reason"] = "stop"
    if usage:
        parts.append({**base, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})
    return (*(b"data: %b\n\n" % json.dumps(part).encode() for part in parts), b"data: [DONE]\n\n")


def obedient(connection: object, request: Request) -> None:
    """A server that sends usage exactly when asked."""
    asked = (json.loads(request.body).get("stream_options") or {}).get("include_usage") is True
    answer = Answer(headers=(EVENTS,), chunks=as_vllm_answers(usage=asked))
    connection.sendall(answer.head())
    for chunk in answer.chunks:
        connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    connection.sendall(b"0\r\n\r\n")


# ---- chat


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="echo", messages=ASK)
    assert answer.choices[0].message.content == "one two three"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 3
    assert answer._request_id.startswith("req_")


def test_chat_asyncio(gateway: RunningGateway) -> None:
    async def ask() -> str:
        async with aclient(gateway) as client:
            answers = await asyncio.gather(
                *(
                    client.chat.completions.create(model="echo", messages=[{"role": "user", "content": f"say {n}"}])
                    for n in range(20)
                )
            )
            return [answer.choices[0].message.content for answer in answers]

    assert asyncio.run(ask()) == [f"say {n}" for n in range(20)]


def test_max_tokens_cuts(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="echo", messages=ASK, max_completion_tokens=2)
    assert (answer.choices[0].message.content.split(), answer.choices[0].finish_reason) == (["one", "two"], "length")


def test_stream(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="echo", messages=ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_stream_asyncio(gateway: RunningGateway) -> None:
    async def ask() -> str:
        async with aclient(gateway) as client:
            stream = await client.chat.completions.create(model="slow", messages=ASK, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(ask()) == "one two three"


def test_usage_is_there_when_asked(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = obedient
    chunks = said(client, stream_options={"include_usage": True})
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [7]
    assert chunks[-1].choices == []


def test_usage_asked_by_the_gateway_stays_with_the_gateway(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = obedient
    chunks = said(client)
    assert json.loads(upstream.requests[0].body)["stream_options"] == {"include_usage": True}
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "ab"  # IndexError on a usage chunk
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_does_not_leak_from_a_stream_that_came_in_one_piece(client: OpenAI, upstream: ScriptedUpstream) -> None:
    whole = b"".join(as_vllm_answers(usage=True))
    upstream.answers["/v1/chat/completions"] = Answer(headers=(EVENTS,), body=whole)
    chunks = said(client)
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "ab"


def test_an_explicit_no_to_usage_is_kept(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = obedient
    assert all(chunk.usage is None for chunk in said(client, stream_options={"include_usage": False}))


# ---- the other endpoints


def test_completions(client: OpenAI) -> None:
    assert client.completions.create(model="echo", prompt="to be").choices[0].text == "to be"
    stream = client.completions.create(model="echo", prompt="to be", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "to be"


def test_embeddings_in_both_encodings(gateway: RunningGateway, client: OpenAI) -> None:
    # The SDK asks for base64 unless told otherwise, and decodes it.
    packed = client.embeddings.create(model="echo", input=["a", "b"])
    plain = client.embeddings.create(model="echo", input=["a", "b"], encoding_format="float")
    raw = client.embeddings.create(model="echo", input="a", encoding_format="base64")
    assert [len(item.embedding) for item in plain.data] == [64, 64]
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)
    assert len(base64.b64decode(raw.data[0].embedding)) == 64 * 4
    assert plain.data[0].embedding != plain.data[1].embedding


def test_responses(client: OpenAI) -> None:
    answer = client.responses.create(model="echo", input="good morning")
    assert (answer.output_text, answer.status) == ("good morning", "completed")


def test_responses_streamed(client: OpenAI) -> None:
    events = list(client.responses.create(model="echo", input="good morning", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "good morning"
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[-1].response.output_text == "good morning"


def test_models(client: OpenAI) -> None:
    assert {"echo", "scripted", "claude"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("echo").id == "echo"
    assert client.models.retrieve("org/any-name").id == "org/any-name"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing-like-it")


def test_headers_of_an_answer(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="echo", messages=ASK, extra_headers={"x-request-id": "mine-1"}
    )
    assert raw.headers["x-request-id"] == "mine-1"
    assert raw.headers["x-penstock-model"] == "echo"
    assert raw.headers["x-penstock-upstream"] == "echo"
    assert raw.headers["x-penstock-attempts"] == "1"
    assert 0 <= float(raw.headers["x-penstock-overhead-ms"]) < 1000
    assert raw.parse().choices[0].message.content == "one two three"


def test_the_request_of_a_coding_agent(client: OpenAI, upstream: ScriptedUpstream) -> None:
    answer = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []})
    upstream.answers["/v1/chat/completions"] = Answer(body=answer.encode())
    prompt = "You are a careful engineer. Übung äöü. " * 1950
    client.chat.completions.create(
        model="scripted", messages=[{"role": "system", "content": prompt}, *ASK], tools=[_tool(n) for n in range(20)]
    )
    (request,) = upstream.requests
    assert len(request.body) > 76 * 1024
    body = json.loads(request.body)
    assert body["messages"][0]["content"] == prompt
    assert len(body["tools"]) == 20


def _tool(number: int) -> dict:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    return {"type": "function", "function": {"name": f"tool_{number}", "parameters": schema}}


# ---- errors


def test_wrong_key(gateway: RunningGateway) -> None:
    with OpenAI(base_url=gateway.v1, api_key="sk-pen-wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.models.list()
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert caught.value.request_id in caught.value.message


def test_unknown_model_names_the_nearest(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="scriptet", messages=ASK)
    error = caught.value
    assert (error.status_code, error.code, error.param) == (404, "model_not_found", "model")
    assert "scripted" in error.message
    assert error.request_id.startswith("req_")
    assert error.request_id in error.message


def test_bad_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="echo", messages=ASK, max_tokens=0)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "max_tokens")
    assert caught.value.request_id.startswith("req_")


def test_what_the_upstream_refuses_is_passed_on(client: OpenAI, upstream: ScriptedUpstream) -> None:
    told = {"error": {"message": "Rate limit reached", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}
    upstream.answers["/v1/chat/completions"] = Answer(
        429, (("content-type", "application/json"), ("retry-after", "77")), json.dumps(told).encode()
    )
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="limited", messages=ASK)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "77"
    upstream.answers["/v1/chat/completions"] = Answer()
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="limited", messages=ASK)
    assert caught.value.code == "upstream_keys_at_rest", "it is not asked before its time"
    assert 60 < int(caught.value.response.headers["retry-after"]) <= 77


def test_a_stream_that_breaks_raises(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def cut(connection: object, request: Request) -> None:
        event = as_vllm_answers(usage=False)[0]
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head() + b"%x\r\n%b\r\n" % (len(event), event))
        connection.shutdown(2)

    upstream.answers["/v1/chat/completions"] = cut
    with pytest.raises(openai.APIError, match=r"upstream 'scripted'.*in the middle of the answer"):
        said(client)

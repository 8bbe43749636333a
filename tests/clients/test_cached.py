"""Real clients at a gateway that answers from its cache: they cannot tell, but by the fields that say so."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import EVENTS, JSON, Answer, ScriptedUpstream
from tests.support.whole import until

CONFIG = """
auth: {{mode: open}}
store: memory
upstreams:
  echo: {{kind: echo}}
  up: {{kind: vllm, base_url: "{url}", metrics: off}}
models:
  echo: {{upstreams: [echo]}}
  m: {{upstreams: [up]}}
"""
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city":"Bern"}'}}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def caching(_scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("caching"), CONFIG.format(url=_scripted.url)) as gateway:
        client = OpenAI(base_url=gateway.v1, api_key="none", max_retries=0)
        until(lambda: "hit-exact" in cache_of(client, "is it ready?"))
        yield gateway


def cache_of(client: OpenAI, text: str, **more: Any) -> str:
    asked: Any = [{"role": "user", "content": text}]
    raw = client.chat.completions.with_raw_response.create(model="echo", temperature=0, messages=asked, **more)
    return raw.headers["x-penstock-cache"]


@pytest.fixture
def client(caching: RunningGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=caching.v1, api_key="none", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def claude(caching: RunningGateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=caching.url, api_key="none", max_retries=0, timeout=10) as client:
        yield client


def ask(text: str, **more: Any) -> Any:
    return {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}], **more}


def whole(message: dict[str, Any], finish: str = "stop") -> bytes:
    return json.dumps(
        {
            "id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        }
    ).encode()  # fmt: skip


def test_a_whole_answer_with_tool_calls_is_streamed_from_the_cache(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(body=whole({"content": None, "tool_calls": [CALL]}, "tool_calls"))
    first = client.chat.completions.create(**ask("weather?", tools=[TOOL]))
    with client.chat.completions.stream(**ask("weather?", tools=[TOOL])) as stream:
        for _ in stream:
            pass
        second = stream.get_final_completion()
    assert len(upstream.requests) == 1
    (call,) = second.choices[0].message.tool_calls or ()
    (was,) = first.choices[0].message.tool_calls or ()
    assert (call.id, call.function.name, call.function.arguments) == (was.id, "f", '{"city":"Bern"}')  # type: ignore[union-attr]
    assert second.choices[0].finish_reason == "tool_calls"


def test_a_stream_is_told_whole_and_as_a_stream_with_usage_as_asked(client: OpenAI, upstream: ScriptedUpstream) -> None:
    base = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    deltas = [{"role": "assistant", "content": ""}, {"content": "one "}, {"content": "two"}]
    told = [base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    told.append(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    told.append(base | {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    chunks = (*(f"data: {json.dumps(one)}\n\n".encode() for one in told), b"data: [DONE]\n\n")
    upstream.answers["/v1/chat/completions"] = Answer(headers=(EVENTS,), chunks=chunks)
    plain = list(client.chat.completions.create(**ask("count"), stream=True))
    answer = client.chat.completions.create(**ask("count"))
    again = list(client.chat.completions.create(**ask("count"), stream=True))
    used = list(client.chat.completions.create(**ask("count"), stream=True, stream_options={"include_usage": True}))
    assert len(upstream.requests) == 1
    assert answer.choices[0].message.content == "one two"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2
    assert again == plain
    assert not any(chunk.usage for chunk in again)
    assert used[:-1] == plain
    assert used[-1].usage == answer.usage


def test_messages_both_ways(claude: Anthropic) -> None:
    asked: Any = {
        "model": "echo",
        "max_tokens": 50,
        "extra_body": {"temperature": 0},
        "messages": [{"role": "user", "content": "a b c"}],
    }
    raw = claude.messages.with_raw_response.create(**asked)
    assert raw.headers["x-penstock-cache"] == "miss"
    with claude.messages.stream(**asked) as stream:
        assert stream.response.headers["x-penstock-cache"] == "hit-exact"
        assert "".join(stream.text_stream) == "a b c"
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage) == (raw.parse().stop_reason, raw.parse().usage)
    with claude.messages.stream(**asked | {"system": "another"}) as stream:
        assert stream.get_final_text() == "a b c"
    again = claude.messages.with_raw_response.create(**asked | {"system": "another"})
    assert again.headers["x-penstock-cache"] == "hit-exact"
    assert again.parse().content[0].text == "a b c"  # type: ignore[union-attr]


def test_responses_both_ways(client: OpenAI) -> None:
    asked: Any = {"model": "echo", "temperature": 0, "input": "a b c", "store": False}
    first = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == first.output_text == "a b c"
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    list(client.responses.create(**asked | {"instructions": "x"}, stream=True))
    raw = client.responses.with_raw_response.create(**asked | {"instructions": "x"})
    assert raw.headers["x-penstock-cache"] == "hit-exact"
    assert raw.parse().output_text == "a b c"
    stored = client.responses.with_raw_response.create(**asked | {"store": True})
    assert stored.headers["x-penstock-cache"] == "bypass"


def test_embeddings_and_completions(client: OpenAI) -> None:
    for _ in range(2):
        raw = client.embeddings.with_raw_response.create(model="echo", input=["a", "b"], encoding_format="float")
    assert raw.headers["x-penstock-cache"] == "hit-exact"
    assert len(raw.parse().data) == 2
    client.completions.create(model="echo", prompt="a b", temperature=0)
    pieces = list(client.completions.create(model="echo", prompt="a b", temperature=0, stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == "a b"


def test_a_shared_system_prompt_makes_no_two_questions_one(client: OpenAI) -> None:
    system = {"role": "system", "content": "You answer for a bank. " * 100}
    for number in range(20):
        asked: Any = [system, {"role": "user", "content": f"question {number}"}]
        raw = client.chat.completions.with_raw_response.create(model="echo", temperature=0, messages=asked)
        assert raw.headers["x-penstock-cache"] == "miss"
        assert raw.parse().choices[0].message.content == f"question {number}"


@pytest.mark.parametrize("told", ["length", "content_filter"])
def test_answers_that_are_cut_are_asked_for_anew(told: str, client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(body=whole({"content": "cut"}, told))
    for _ in range(2):
        client.chat.completions.create(**ask(f"cut by {told}"))
    assert len(upstream.requests) == 2


def test_errors_are_not_kept(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(400, (JSON,), b'{"error":{"message":"no"}}')
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**ask("error"))
    upstream.answers["/v1/chat/completions"] = Answer(body=whole({"content": "fine"}))
    assert client.chat.completions.create(**ask("error")).choices[0].message.content == "fine"


def test_another_model_behind_the_name_ends_what_the_old_one_said(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(body=whole({"content": "old"}))
    client.chat.completions.create(**ask("who are you?"))
    new = whole({"content": "new"}).replace(b"m-1", b"m-2")
    upstream.answers["/v1/chat/completions"] = Answer(body=new)
    client.chat.completions.create(**ask("something else"))
    assert client.chat.completions.create(**ask("who are you?")).choices[0].message.content == "new"
    upstream.answers["/v1/chat/completions"] = Answer(body=whole({"content": "old"}))
    client.chat.completions.create(**ask("back again"))  # as it was for the other tests


def test_what_a_caller_may_say(client: OpenAI, claude: Anthropic) -> None:
    assert cache_of(client, "modes") == "miss"
    assert cache_of(client, "modes", extra_headers={"x-penstock-cache": "bypass"}) == "bypass"
    assert cache_of(client, "modes", extra_headers={"x-penstock-cache": "only"}) == "hit-exact"
    assert cache_of(client, "modes", extra_headers={"x-penstock-classification": "internal"}) == "miss"
    assert cache_of(client, "modes", extra_headers={"x-penstock-classification": "no-store"}) == "bypass"
    with pytest.raises(openai.InternalServerError) as absent:
        cache_of(client, "never asked", extra_headers={"x-penstock-cache": "only"})
    assert (absent.value.status_code, absent.value.code) == (504, "not_cached")
    with pytest.raises(openai.BadRequestError):
        cache_of(client, "modes", extra_headers={"x-penstock-tags": "a b"})
    with pytest.raises(anthropic.APIStatusError) as told:
        claude.messages.create(
            model="echo", max_tokens=5, extra_body={"temperature": 0}, messages=[{"role": "user", "content": "never"}],
            extra_headers={"x-penstock-cache": "only"},
        )  # fmt: skip
    assert told.value.status_code == 504

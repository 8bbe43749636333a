"""Real clients at a gateway with ``rescue: all``: they see the whole answer that they asked for, and no stream."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import EVENTS, Answer, ScriptedUpstream

CONFIG = """
auth: {{mode: open}}
rescue: all
upstreams:
  echo: {{kind: echo}}
  first: {{kind: vllm, base_url: "{url}", weight: 10000}}
  second: {{kind: vllm, base_url: "{url}/second"}}
models:
  echo: {{upstreams: [echo]}}
  m: {{upstreams: [first]}}
  pair: {{upstreams: [first, second], strategy: weighted_round_robin}}
"""
ASK = [{"role": "user", "content": "one two three"}]


@pytest.fixture(scope="module")
def collecting(_scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("collecting"), CONFIG.format(url=_scripted.url)) as gateway:
        yield gateway


@pytest.fixture
def claude(collecting: RunningGateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=collecting.url, api_key="none", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def client(collecting: RunningGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=collecting.v1, api_key="none", max_retries=0, timeout=10) as client:
        yield client


def events(*told: dict[str, Any]) -> Answer:
    chunks = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told]
    return Answer(headers=(EVENTS,), chunks=tuple(chunks))


def chunks(*choices: dict[str, Any], done: bool = True) -> tuple[bytes, ...]:
    body = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "fp"}
    frames = [f"data: {json.dumps(body | {'choices': [choice]})}\n\n".encode() for choice in choices]
    usage = body | {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
    return (*frames, f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode()) if done else tuple(frames)


def part(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def call(arguments: str, **named: str) -> dict[str, Any]:
    begun = {"id": named["id"], "type": "function"} if named else {}
    name = {"name": named["name"]} if named else {}
    return part(tool_calls=[{"index": 0, **begun, "function": {**name, "arguments": arguments}}])


def test_tool_use_of_messages(claude: Anthropic, upstream: ScriptedUpstream) -> None:
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    upstream.answers["/v1/messages"] = events(
        {"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 12, "cache_read_input_tokens": 2, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": thought},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Where?"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "ping"},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        *({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": part}}
          for part in ("", '{"city": "Pa', 'ris"}')),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
         "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    )  # fmt: skip
    answer = claude.messages.create(
        model="m", max_tokens=50, messages=ASK, tools=[{"name": "weather", "input_schema": {"type": "object"}}]
    )
    thinking, use = answer.content
    assert (thinking.thinking, thinking.signature) == ("Where?", "sig")
    assert (use.type, use.id, use.name, use.input) == ("tool_use", "toolu_1", "weather", {"city": "Paris"})
    assert (answer.id, answer.stop_reason, answer._request_id[:4]) == ("msg_1", "tool_use", "req_")
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (12, 2, 20)
    assert json.loads(upstream.requests[0].body)["stream"] is True


def test_a_chat_is_one_answer_with_a_length(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.answers["/v1/chat/completions"] = Answer(
        headers=(EVENTS,), chunks=chunks(part(role="assistant", content=""), part(content="Hi"), part("stop"))
    )
    raw = client.chat.completions.with_raw_response.create(model="m", messages=ASK)
    assert raw.headers["content-type"] == "application/json"
    assert int(raw.headers["content-length"]) == len(raw.content)
    assert "transfer-encoding" not in raw.headers
    answer = raw.parse()
    assert (answer.object, answer.id, answer.model, answer.system_fingerprint) == ("chat.completion", "c-1", "m", "fp")
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hi", "stop")
    assert answer.usage.total_tokens == 7
    (request,) = upstream.requests
    assert json.loads(request.body)["stream_options"] == {"include_usage": True}


def test_a_tool_call_that_is_cut_is_begun_anew_elsewhere(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def cut(connection: Any, request: object) -> None:
        connection.sendall(Answer(headers=(EVENTS,), chunks=()).head())
        for frame in chunks(call("", id="one", name="f"), call('{"ci'), done=False):
            connection.sendall(b"%x\r\n%b\r\n" % (len(frame), frame))
        connection.shutdown(2)

    upstream.answers["/v1/chat/completions"] = cut
    upstream.answers["/v1/second/chat/completions"] = Answer(
        headers=(EVENTS,),
        chunks=chunks(call("", id="two", name="f"), call('{"city":'), call('"x"}'), part("tool_calls")),
    )
    answer = client.chat.completions.create(model="pair", messages=ASK)
    (made,) = answer.choices[0].message.tool_calls
    assert (made.id, made.function.name, made.function.arguments) == ("two", "f", '{"city":"x"}')
    assert answer.usage.penstock_rescues == 1


def test_built_in_models_answer_as_ever(client: OpenAI, claude: Anthropic) -> None:
    chat = client.chat.completions.create(model="echo", messages=ASK)
    assert (chat.choices[0].message.content, chat.usage.completion_tokens) == ("one two three", 3)
    text = client.completions.create(model="echo", prompt="a b")
    assert (text.object, text.choices[0].text) == ("text_completion", "a b")
    message = claude.messages.create(model="echo", max_tokens=50, messages=ASK)
    assert (message.content[0].text, message.stop_reason) == ("one two three", "end_turn")

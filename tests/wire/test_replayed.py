"""Whole answers as streams and back: nothing of what was said is lost on either way."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire import anthropic_messages, openai_chat, openai_completions, openai_responses
from penstock.wire.counts import Usage
from penstock.wire.finished import finished_stream
from penstock.wire.replayed import as_events, as_whole, usage_event
from penstock.wire.sse import parse

USAGE = Usage(3, 2)


def chat(message: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {
        "id": "c", "object": "chat.completion", "created": 7, "model": "m", "system_fingerprint": "f",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip


def message(content: list[dict[str, Any]], stop: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop,
        "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2},
    }  # fmt: skip


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b c"}'}}
TOKENS = {"content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}], "refusal": None}
CHATS = [
    chat({"content": "Hello, wide world.\n\n  Bye"}),
    chat({"content": None, "tool_calls": [CALL, CALL | {"id": "call_2"}]}, finish_reason="tool_calls"),
    chat({"content": "hi"}, logprobs=TOKENS),
    chat({"content": "so", "reasoning_content": "let me think"}),
    chat({"content": None, "refusal": "I will not"}),
    {**chat({"content": "a"}), "choices": [
        {"index": i, "message": {"role": "assistant", "content": f"is {i}"}, "finish_reason": "stop"} for i in (0, 1)
    ]},
]  # fmt: skip
MESSAGES = [
    message([{"type": "text", "text": "Hello, wide world."}]),
    message([
        {"type": "thinking", "thinking": "hm hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "now"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": {"b": [1, 2]}}},
        {"type": "tool_use", "id": "u", "name": "g", "input": {}},
    ], "tool_use"),
    message([{"type": "text", "text": "cited", "citations": [{"type": "char_location", "cited_text": "x"}]}]),
    message([]),
]  # fmt: skip


def plain(whole: dict[str, Any]) -> dict[str, Any]:
    """Without members that say nothing, which one form has and the other has not."""
    told: dict[str, Any] = json.loads(json.dumps(whole))
    for choice in told.get("choices", ()):
        choice.pop("logprobs") if choice.get("logprobs", 1) is None else None
        choice["message"] = {name: value for name, value in choice["message"].items() if value is not None}
    return told


@pytest.mark.parametrize("whole", CHATS)
def test_a_chat_answer_comes_back_as_it_was(whole: dict[str, Any]) -> None:
    frames = as_events("chat", json.dumps(whole).encode(), True)
    assert frames is not None
    assert frames[-1] == b"data: [DONE]\n\n"
    assert all(len(parse(frame)) == 1 for frame in frames)
    data = b"".join(frames)
    assert finished_stream("chat", data, len(whole["choices"])) is not None
    back = as_whole("chat", data)
    assert back is not None
    assert plain(json.loads(back)) == plain(whole)


@pytest.mark.parametrize("whole", MESSAGES)
def test_a_message_comes_back_as_it_was(whole: dict[str, Any]) -> None:
    frames = as_events("messages", json.dumps(whole).encode(), False)
    assert frames is not None
    data = b"".join(frames)
    assert finished_stream("messages", data) is not None
    back = as_whole("messages", data)
    assert back is not None
    assert json.loads(back) == whole


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_any_text_survives_both_ways(text: str, usage: bool) -> None:
    bodies = {
        "chat": openai_chat.completion("c", "m", 1, text, USAGE),
        "completions": openai_completions.completion("c", "m", 1, text, USAGE),
        "messages": anthropic_messages.message("c", "m", text, USAGE),
        "responses": openai_responses.response("c", "m", 1, text, USAGE),
    }
    for operation, body in bodies.items():
        frames = as_events(operation, body, usage)
        assert frames is not None
        back = as_whole(operation, b"".join(frames), b"" if usage else json.dumps(json.loads(body)["usage"]).encode())
        assert back is not None
        told, was = json.loads(back), json.loads(body)
        if operation in ("chat", "completions"):
            for choice in (*told["choices"], *was["choices"]):
                choice.pop("logprobs", None)
                choice.get("message", {}).pop("refusal", None)
        assert told == was, operation


def test_usage_is_told_where_it_was_asked_for() -> None:
    body = json.dumps(CHATS[0]).encode()
    told, untold = as_events("chat", body, True), as_events("chat", body, False)
    assert told is not None
    assert untold is not None
    assert len(told) == len(untold) + 1
    assert b'"usage"' not in b"".join(untold)
    assert json.loads(parse(told[-2])[0].data)["usage"] == CHATS[0]["usage"]
    event = usage_event(b"".join(untold), b'{"prompt_tokens":1}')
    assert json.loads(parse(event)[0].data) == {
        "id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 1},
    }  # fmt: skip


def test_other_operations_are_not_understood() -> None:
    assert as_events("embeddings", b"{}", False) is None
    assert as_whole("images", b"data: {}\n\n") is None


@pytest.mark.parametrize("operation", ["chat", "completions", "messages", "responses"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[{"index":0}],"content":3,"output":null}', b"\xff"])
def test_what_is_no_answer_is_said_to_be_none(operation: str, body: bytes) -> None:
    with pytest.raises(UpstreamError) as refused:
        as_events(operation, body, False)
    assert refused.value.code == "upstream_malformed"
    with contextlib.suppress(UpstreamError):  # nothing else
        as_whole(operation, b"data: " + body + b"\n\n")


def test_a_stream_without_an_answer_is_none() -> None:
    for operation in ("chat", "completions", "messages", "responses"):
        with pytest.raises(UpstreamError):
            as_whole(operation, b"data: {}\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("before", [b"", b": a comment\n\n"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_usage_is_told_in_the_names_of_any_stream(before: bytes, line_end: bytes) -> None:
    chunk = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[]}\n\n'
    told = usage_event((before + chunk + b"data: [DONE]\n\n").replace(b"\n", line_end), b'{"prompt_tokens":1}')
    assert json.loads(told.removeprefix(b"data: "))["id"] == "c"

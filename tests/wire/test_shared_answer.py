"""Whole answers as streams, and back: what comes back is what was there."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire.shared_answer import as_events, collecting, mixable

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
    {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
]


def chat(*messages: dict[str, Any], **facts: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": None, **message}}
        for index, message in enumerate(messages)
    ]
    return {"id": "c", "created": 7, "model": "m", "object": "chat.completion", "choices": choices, **facts}


def back(operation: str, whole: dict[str, Any]) -> dict[str, Any]:
    collected = collecting(operation)
    collected.add(as_events(operation, json.dumps(whole).encode()))
    told = json.loads(collected.body())
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    "whole",
    [
        chat({"content": "hello"}, usage=USAGE),
        chat({"content": "a"}, {"content": "b"}, system_fingerprint="fp"),
        chat({"tool_calls": CALLS}),
        chat({"content": "x", "reasoning_content": "because"}),
        chat({"content": "", "refusal": None}),
    ],
)
def test_chat_comes_back(whole: dict[str, Any]) -> None:
    assert back("chat", whole) == whole


def test_completions_come_back() -> None:
    choice = {"index": 0, "finish_reason": "length", "text": "abc", "logprobs": None}
    whole = {"id": "c", "created": 7, "model": "m", "object": "text_completion", "choices": [choice], "usage": USAGE}
    assert back("completions", whole) == whole


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "hello"}],
        [{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": "x"}],
        [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, 2]}}],
        [{"type": "redacted_thinking", "data": "opaque"}],
        [],
    ],
)
def test_messages_come_back(content: list[Any]) -> None:
    whole = {
        "id": "msg", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4},
    }  # fmt: skip
    assert back("messages", whole) == whole


@given(st.text(), st.sampled_from(["stop", "length"]))
def test_any_text_comes_back(text: str, finish: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    whole = chat({"content": text})
    whole["choices"][0]["finish_reason"] = finish
    assert back("chat", whole) == whole


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":3}', b"\xff", b"[" * 9000])
@pytest.mark.parametrize("operation", ["chat", "completions", "messages"])
def test_what_is_no_answer_is_refused(operation: str, body: bytes) -> None:
    with pytest.raises(UpstreamError):
        as_events(operation, body)


@pytest.mark.parametrize(
    ("operation", "fields", "same"),
    [
        ("chat", {}, True),
        ("messages", {"max_tokens": 3}, True),
        ("chat", {"modalities": ["text"], "audio": None}, True),
        ("chat", {"modalities": ["text", "audio"]}, False),
        ("completions", {"echo": True}, False),
        ("completions", {"best_of": 2}, False),
        ("chat", {"stream_options": {"include_usage": True}}, True),
        ("responses", {}, False),
        ("embeddings", {}, False),
    ],
)
def test_for_which_calls_both_say_the_same(operation: str, fields: dict[str, Any], same: bool) -> None:
    assert mixable(operation, fields) is same

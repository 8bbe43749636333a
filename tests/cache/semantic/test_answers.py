"""What an answer says as one text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.semantic.answers import answer_text


def chat(message: Any, count: int = 1) -> dict[str, Any]:
    return {"choices": [{"message": message}] * count}


TEXT = {"type": "text", "text": "a"}


@pytest.mark.parametrize(
    ("operation", "told", "text"),
    [
        ("chat", chat({"content": "a"}), "a"),
        ("chat", chat({"content": [TEXT, TEXT]}), "aa"),
        ("chat", chat({"content": None, "refusal": "no"}), "no"),
        ("completions", {"choices": [{"text": "a"}]}, "a"),
        ("messages", {"content": [{"type": "thinking", "thinking": "hm"}, TEXT]}, "a"),
        (
            "responses",
            {"output": [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "a"}]}]},
            "a",
        ),
        ("chat", chat({"content": "a", "tool_calls": [{"id": 1}]}), None),
        ("chat", chat({"content": "a"}, 2), None),
        ("chat", chat({"content": ""}), None),
        ("chat", chat(7), None),
        ("messages", {"content": [TEXT, {"type": "tool_use"}]}, None),
        ("responses", {"output": [{"type": "function_call"}]}, None),
        ("responses", {"output": []}, None),
        ("embeddings", {"data": []}, None),
        ("chat", [], None),
    ],
)
def test_texts(operation: str, told: Any, text: str | None) -> None:
    assert answer_text(operation, json.dumps(told).encode()) == text


@given(st.sampled_from(["chat", "completions", "messages", "responses"]), st.binary(max_size=60))
def test_bytes_of_any_kind_never_raise(operation: str, body: bytes) -> None:
    assert answer_text(operation, body) is None or isinstance(answer_text(operation, body), str)

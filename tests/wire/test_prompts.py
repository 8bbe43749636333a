import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.prompts import last_user_text


def turn(role, content):
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("operation", "fields", "text"),
    [
        ("chat", {"messages": [turn("system", "s"), turn("user", "u"), turn("assistant", "a")]}, "u"),
        ("chat", {"messages": [turn("user", "one"), turn("assistant", "a"), turn("user", "two")]}, "two"),
        (
            "chat",
            {"messages": [turn("user", [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}])]},
            "a\nb",
        ),
        ("messages", {"messages": [turn("user", [{"type": "text", "text": "hi"}])]}, "hi"),
        ("count_tokens", {"messages": [turn("user", "hi")]}, "hi"),
        ("completions", {"prompt": "p"}, "p"),
        ("completions", {"prompt": ["p", "q"]}, "q"),
        ("completions", {"prompt": [1, 2]}, ""),
        ("responses", {"input": "in"}, "in"),
        ("responses", {"input": [turn("user", [{"type": "input_text", "text": "in"}])]}, "in"),
        ("responses", {"input": [turn("user", "u"), {"type": "function_call_output", "output": "x"}]}, "u"),
        ("embeddings", {"input": ["a", "b"]}, "b"),
        ("moderations", {"input": "m"}, "m"),
        ("rerank", {"query": "q", "documents": ["d"]}, "q"),
        ("chat", {"messages": [turn("assistant", "a")]}, ""),
        ("chat", {"messages": []}, ""),
        ("chat", {}, ""),
        ("chat", {"messages": "x"}, "x"),
        ("chat", {"messages": [turn("user", None)]}, ""),
        ("chat", {"messages": [turn("user", [{"text": 5}, 7, "s"])]}, "s"),
    ],
)
def test_what_was_said_last(operation, fields, text):
    assert last_user_text(json.dumps(fields).encode(), operation) == text


def test_it_is_cut():
    assert last_user_text(b'{"prompt":"abcdef"}', "completions", 3) == "abc"


@given(st.binary(max_size=60), st.sampled_from(["chat", "responses", "rerank", "odd"]))
def test_any_body_says_something_or_nothing(body, operation):
    last_user_text(body, operation)
    last_user_text(b'{"messages":[' + body + b"]}", operation)

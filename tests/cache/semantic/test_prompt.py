"""The last user text, taken out of a call."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.semantic.prompt import Prompt, is_distinct, prompt_of
from penstock.core.call import Call
from penstock.wire.asked import asked
from tests.support.caching import BY_NAME


def chat(*turns: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(turns), **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_the_last_user_text_is_taken_out_and_nothing_is_changed() -> None:
    fields = chat({"role": "system", "content": "s"}, user("why?"), temperature=0)
    before = copy.deepcopy(fields)
    found = prompt_of("chat", fields)
    assert isinstance(found, Prompt)
    assert found.text == "why?"
    assert found.rest == chat({"role": "system", "content": "s"}, user(None), temperature=0)
    assert fields == before


@pytest.mark.parametrize(
    ("operation", "fields", "text"),
    [
        ("chat", chat(user([{"type": "text", "text": "a"}])), "a"),
        ("messages", chat(user([{"type": "text", "text": "a", "cache_control": {}}]), system="s"), "a"),
        ("completions", {"model": "m", "prompt": "a"}, "a"),
        ("responses", {"model": "m", "input": "a", "store": False}, "a"),
        ("responses", {"input": [{"type": "message", **user([{"type": "input_text", "text": "a"}])}]}, "a"),
        ("chat", chat(user("x"), {"role": "assistant", "content": [{"type": "text", "text": "y"}]}, user("a")), "a"),
        ("chat", chat(user("a"), n=1, logprobs=False, modalities=["text"]), "a"),
    ],
)
def test_dialects(operation: str, fields: dict[str, Any], text: str) -> None:
    found = prompt_of(operation, fields)
    assert isinstance(found, Prompt), found
    assert found.text == text
    assert text not in repr(found.rest).replace("'a'", "a") or "'a'" not in repr(found.rest)


IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


@pytest.mark.parametrize(
    ("operation", "fields", "reason"),
    [
        ("embeddings", {"input": "a"}, "operation"),
        ("chat", chat(user("a"), n=2), "choices"),
        ("chat", chat(user("a"), logprobs=True), "logprobs"),
        ("completions", {"prompt": "a", "echo": True}, "logprobs"),
        ("completions", {"prompt": ["a", "b"]}, "shape"),
        ("chat", chat(user("a"), modalities=["text", "audio"]), "media"),
        ("chat", chat(user([IMAGE])), "media"),
        ("chat", chat(user([{"type": "text", "text": "a"}, IMAGE])), "media"),
        ("chat", chat(user([IMAGE]), {"role": "assistant", "content": "a"}, user("b")), "media"),
        ("messages", chat(user([{"type": "document", "source": {}}])), "media"),
        ("chat", chat({"role": "tool", "tool_call_id": "1", "content": "r"}, user("a")), "tool_results"),
        ("chat", chat({"role": "assistant", "content": None, "tool_calls": [1]}, user("a")), "tool_results"),
        ("messages", chat(user([{"type": "tool_result", "content": "r"}]), user("a")), "tool_results"),
        ("responses", {"input": [{"type": "function_call_output", "output": "r"}, user("a")]}, "tool_results"),
        ("responses", {"input": [{"type": "item_reference", "id": "i"}, user("a")]}, "shape"),
        ("chat", chat(user("a"), {"role": "assistant", "content": "b"}), "shape"),
        ("chat", chat(user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])), "shape"),
        ("chat", chat(), "shape"),
        ("chat", {"messages": "a"}, "shape"),
        ("chat", chat("a"), "shape"),
        ("chat", chat(user(7)), "shape"),
        ("chat", chat(user([7]), user("a")), "shape"),
        ("chat", chat({"role": "wizard", "content": "x"}, user("a")), "shape"),
        ("chat", chat({"role": "user"}), "shape"),
    ],
)
def test_what_is_no_single_plain_text(operation: str, fields: dict[str, Any], reason: str) -> None:
    assert prompt_of(operation, fields) == reason


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TURN = st.fixed_dictionaries({}, optional=dict.fromkeys(("role", "content", "type", "tool_calls"), JSON))


@given(
    st.sampled_from(["chat", "messages", "completions", "responses"]),
    st.fixed_dictionaries({}, optional={"messages": st.lists(TURN | JSON) | JSON, "prompt": JSON, "input": JSON}),
)
def test_whatever_json_comes_it_gives_a_prompt_or_a_reason(operation: str, fields: dict[str, Any]) -> None:
    found = prompt_of(operation, fields)
    assert found if isinstance(found, str) else isinstance(found.text, str)


def large(messages: str) -> Any:
    body = '{"model":"m","messages":' + messages + ',"system":"' + "x" * 20_000 + '"}'
    call = Call(BY_NAME["chat"], "POST", "/v1/chat/completions", b"", [], "127.0.0.1")
    call.body = body.encode()
    found = asked(call, b"s", "key a")
    assert found is not None
    return found.fields


@pytest.mark.parametrize(
    ("messages", "distinct"),
    [
        ('[{"role":"user","content":"a"}]', True),
        ('[{"role": "user", "content": "\\u00e9"}]', True),
        ('[{"role":"user","content":"a","content":"b"}]', False),
        ('[{"role": "user", "content": "a", "content": "b"}]', False),
        ('[{"role":"user","\\u0063ontent":"a","content":"b"}]', False),
    ],
)
def test_of_a_large_call_no_key_may_stand_twice(messages: str, distinct: bool) -> None:
    fields = large(messages)
    assert is_distinct(fields) is distinct
    assert is_distinct(dict(fields))
    found = prompt_of("chat", fields)
    assert isinstance(found, Prompt)
    assert found.rest["system"] == "x" * 20_000

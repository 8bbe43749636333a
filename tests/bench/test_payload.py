"""What the benches send is what it claims to be."""

from __future__ import annotations

import json

from bench import payload


def test_small_chat_is_small_and_may_ask_for_a_stream() -> None:
    assert 220 <= len(payload.small_chat()) <= 240
    body = json.loads(payload.small_chat(stream=True, max_tokens=7))
    assert (body["model"], body["stream"], body["max_tokens"]) == (payload.MODEL, True, 7)


def test_large_chat_is_an_agents_and_always_the_same() -> None:
    raw = payload.large_chat()
    assert len(raw) == payload.LARGE_BYTES
    assert raw == payload.large_chat()
    body = json.loads(raw)
    roles = [message["role"] for message in body["messages"]]
    assert roles[0] == "system"
    assert roles[-1] == "user"
    assert {"assistant", "tool"} <= set(roles)
    assert len(body["tools"]) == 24

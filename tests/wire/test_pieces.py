import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.anthropic_messages import PING, stream
from penstock.wire.counts import Usage
from penstock.wire.pieces import MOST_MERGED_BYTES, Piece, merge, read
from penstock.wire.sse import DONE, KEEP_ALIVE, encode, parse
from tests.support.odd_events import odd_events


def chat(delta: dict[str, Any], **more: Any) -> bytes:
    choice = {
        "index": 0,
        "delta": delta,
        **{key: more.pop(key) for key in ("finish_reason", "logprobs") if key in more},
    }
    return encode(json.dumps({"id": "c", "model": "m", "choices": [choice], **more}).encode())


def said(text: str, **more: Any) -> bytes:
    return chat({"content": text}, **more)


def completion(text: str) -> bytes:
    return encode(json.dumps({"id": "c", "choices": [{"index": 0, "text": text, "logprobs": None}]}).encode())


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (said("a"), "text"),
        (chat({"reasoning_content": "a", "content": None}), "text"),
        (said(""), "empty"),
        (chat({}), "empty"),
        (KEEP_ALIVE, "empty"),
        (chat({"role": "assistant", "content": ""}), "special"),
        (chat({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}), "special"),
        (chat({"content": "a", "reasoning_content": "b"}), "special"),
        (chat({}, finish_reason="stop"), "special"),
        (said("a", finish_reason="stop"), "special"),
        (said("a", logprobs={"content": []}), "special"),
        (said("a", usage={"total_tokens": 3}), "special"),
        (encode(b'{"choices":[]}'), "special"),
        (encode(b'{"error":{"message":"no"}}'), "special"),
        (encode(b"[1]"), "special"),
        (encode(b"{broken"), "special"),
        (encode(b'{"choices":[{"delta":{"content":"\xff"}}]}'), "special"),
        (encode(b'{"choices":[{"delta":{"content":"a"}}]}', id="7"), "special"),
        (DONE, "special"),
    ],
)
def test_what_chat_events_carry(event: bytes, kind: str) -> None:
    piece = read(event, "chat")
    assert (piece.event, piece.kind, piece.tokens) == (event, kind, int(kind == "text"))


def test_other_operations_are_left_alone() -> None:
    assert read(said("a"), "responses").kind == "special"


def test_messages() -> None:
    events = list(stream("msg_1", "m", ["Hel", "lo"], Usage(3, 2, 0)))
    pieces = [read(event, "messages") for event in events]
    assert [piece.kind for piece in pieces] == ["special"] * 2 + ["empty"] + ["text"] * 2 + ["special"] * 3
    assert read(PING, "messages").kind == "empty"
    merged = merge(pieces, "messages")
    assert [piece.text for piece in merged if piece.kind == "text"] == ["Hello"]
    (event,) = parse(next(piece.event for piece in merged if piece.kind == "text"))
    assert event.event == "content_block_delta"
    assert json.loads(event.data)["delta"] == {"type": "text_delta", "text": "Hello"}


def test_completions() -> None:
    (one,) = merge([read(completion("a"), "completions"), read(completion("b"), "completions")], "completions")
    assert (one.text, one.tokens) == ("ab", 2)
    assert json.loads(parse(one.event)[0].data)["choices"][0]["text"] == "ab"


def merged_chat(*events: bytes) -> list[Piece]:
    return merge([read(event, "chat") for event in events], "chat")


@pytest.mark.parametrize(
    "events",
    [
        (said("a"), said("b", system_fingerprint="x")),
        (chat({"content": "a", "reasoning": ""}), chat({"content": "", "reasoning": "b"})),
        (said("a"), chat({"tool_calls": [1]}), said("b")),
    ],
)
def test_what_differs_in_more_than_text_stays_apart(events: tuple[bytes, ...]) -> None:
    assert [piece.event for piece in merged_chat(*events)] == list(events)


def test_fields_that_mean_nothing_keep_nothing_apart() -> None:
    (one,) = merged_chat(said("a", created=1, obfuscation="xx"), said("b", created=2, obfuscation="y"))
    assert one.text == "ab"
    assert json.loads(parse(one.event)[0].data)["created"] == 1


def test_an_event_alone_stays_as_it_came() -> None:
    odd = b'data:  {"choices" : [{"delta":{"content":"a"}}]}\r\n\r\n'
    assert [piece.event for piece in merged_chat(odd, DONE)] == [odd, DONE]


def test_merged_events_are_bounded() -> None:
    merged = merged_chat(*[said("x" * 1000)] * 100)
    assert "".join(piece.text for piece in merged) == "x" * 100_000
    assert max(len(piece.event) for piece in merged) < MOST_MERGED_BYTES + 2000


texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.one_of(texts.map(said), st.sampled_from([DONE, KEEP_ALIVE, chat({"role": "assistant"})]))))
def test_the_same_text_and_the_same_specials_in_order(events: list[bytes]) -> None:
    pieces = [read(event, "chat") for event in events]
    merged = merge(pieces, "chat")
    assert "".join(piece.text for piece in merged) == "".join(piece.text for piece in pieces)
    assert [piece for piece in merged if piece.kind != "text"] == [piece for piece in pieces if piece.kind != "text"]
    assert sum(piece.tokens for piece in merged) == sum(piece.tokens for piece in pieces)
    again = [read(piece.event, "chat") for piece in merged]
    assert [(piece.kind, piece.text) for piece in again] == [(piece.kind, piece.text) for piece in merged]
    kinds = [piece.kind for piece in merged]
    assert ("text", "text") not in itertools.pairwise(kinds)


@pytest.mark.parametrize("operation", ["chat", "completions", "messages"])
def test_no_event_whatever_stands_in_it_is_a_failure(operation: str) -> None:
    for event in odd_events():
        piece = read(event, operation)
        assert merge([piece], operation) == [piece]
        assert b"".join(made.event for made in merge([piece, piece], operation)) != b""

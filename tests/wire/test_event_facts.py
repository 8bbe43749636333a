import json
import math
from typing import Any

import pytest

from penstock.wire import anthropic_messages, openai_chat, openai_completions, openai_responses
from penstock.wire.counts import Usage
from penstock.wire.event_facts import Facts, confidence, read
from penstock.wire.sse import parse
from tests.support.odd_events import odd_events

WORDS = ["Water ", "finds ", "a way."]
USAGE = Usage(3, 3)


def said(frames: Any) -> list[Facts]:
    return [read(event.data) for frame in frames for event in parse(frame) if event.data != b"[DONE]"]


@pytest.mark.parametrize(
    "frames",
    [
        openai_chat.stream("i", "m", 1, WORDS, USAGE),
        openai_completions.stream("i", "m", 1, WORDS, USAGE),
        openai_responses.stream("i", "m", 1, WORDS, USAGE),
        anthropic_messages.stream("i", "m", WORDS, USAGE),
    ],
    ids=["chat", "completions", "responses", "messages"],
)
def test_every_dialect_says_the_same(frames: Any) -> None:
    pieces = said(frames)
    assert [piece.text for piece in pieces if not piece.special] == WORDS
    assert [piece.complete for piece in pieces].count(True) == 1
    assert "m" in {piece.model for piece in pieces} <= {"m", ""}


def chunk(choice: dict[str, Any]) -> bytes:
    return json.dumps({"model": "m", "choices": [choice]}).encode()


def test_confidence_is_the_mean_of_the_tokens_that_the_event_carries() -> None:
    half, eighth = math.log(0.5), math.log(0.125)
    chat = {"delta": {"content": "ab"}, "logprobs": {"content": [{"logprob": half}, {"logprob": eighth}]}}
    legacy = {"text": "ab", "logprobs": {"token_logprobs": [None, half, eighth]}}
    assert read(chunk(chat)).confidence == pytest.approx(0.25)
    assert read(chunk(legacy)).confidence == pytest.approx(0.25)
    responses = {"type": "response.output_text.delta", "delta": "a", "logprobs": [{"logprob": half}]}
    assert read(json.dumps(responses).encode()).confidence == pytest.approx(0.5)


def test_none_is_invented_and_none_is_over_one() -> None:
    assert read(chunk({"delta": {"content": "a"}, "logprobs": None})).confidence is None
    assert confidence([]) is None
    assert confidence([0.5]) == 1.0


def test_what_carries_no_text_is_special() -> None:
    assert read(chunk({"delta": {"role": "assistant", "content": ""}})).special
    assert read(chunk({"delta": {"tool_calls": [{"index": 0}]}})).special
    assert read(b'{"type":"response.function_call_arguments.delta","delta":"{\\"a"}').text == ""
    assert not read(chunk({"delta": {"content": " "}})).special


def test_the_finish_is_complete() -> None:
    assert read(chunk({"delta": {}, "finish_reason": "stop"})) == Facts("", "m", None, True, True)
    assert not read(chunk({"delta": {"content": "a"}, "finish_reason": None})).complete


@pytest.mark.parametrize("data", [b"", b"[DONE]", b"{", b"[1]", b'{"choices":[{"delta":{"content":7}}]}', b'"\xff"'])
def test_what_cannot_be_read_says_nothing(data: bytes) -> None:
    assert read(data) == Facts()


def test_no_event_whatever_stands_in_it_is_a_failure() -> None:
    for frame in odd_events():
        (event,) = parse(frame)
        assert read(event.data).special in (True, False)

"""Which answers are whole: nothing cut, filtered or broken passes for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.wire import anthropic_messages, openai_chat, openai_completions, openai_responses
from penstock.wire.counts import Usage
from penstock.wire.finished import finished, finished_stream, without_usage

USAGE = Usage(3, 2)
PIECES = ["one ", "two"]


def streamed(operation: str, finish: str = "stop", usage: Usage | None = None) -> bytes:
    if operation == "chat":
        return b"".join(openai_chat.stream("c", "m-1", 1, PIECES, usage, finish))
    if operation == "completions":
        return b"".join(openai_completions.stream("c", "m-1", 1, PIECES, usage, finish))
    if operation == "messages":
        return b"".join(anthropic_messages.stream("c", "m-1", PIECES, USAGE, finish))
    return b"".join(openai_responses.stream("c", "m-1", 1, PIECES, USAGE, finish))


def whole(operation: str, finish: str = "stop") -> bytes:
    if operation == "chat":
        return openai_chat.completion("c", "m-1", 1, "one two", USAGE, finish)
    if operation == "completions":
        return openai_completions.completion("c", "m-1", 1, "one two", USAGE, finish)
    if operation == "messages":
        return anthropic_messages.message("c", "m-1", "one two", USAGE, finish)
    return openai_responses.response("c", "m-1", 1, "one two", USAGE, finish)


GOOD = [("chat", "stop"), ("chat", "tool_calls"), ("completions", "stop"), ("messages", "end_turn"),
        ("messages", "tool_use"), ("responses", "stop")]  # fmt: skip
BAD = [("chat", "length"), ("chat", "content_filter"), ("completions", "length"), ("messages", "max_tokens"),
       ("messages", "refusal"), ("messages", "pause_turn"), ("responses", "length")]  # fmt: skip


@pytest.mark.parametrize(("operation", "finish"), GOOD)
def test_whole_answers_and_their_models(operation: str, finish: str) -> None:
    for found in (
        finished(operation, whole(operation, finish)),
        finished_stream(operation, streamed(operation, finish)),
    ):
        assert found is not None
        assert found.model == "m-1"


@pytest.mark.parametrize(("operation", "finish"), BAD)
def test_what_was_cut_or_filtered_is_none(operation: str, finish: str) -> None:
    assert finished(operation, whole(operation, finish)) is None
    assert finished_stream(operation, streamed(operation, finish)) is None


@pytest.mark.parametrize("operation", ["chat", "completions", "messages", "responses"])
def test_no_beginning_of_a_stream_is_whole(operation: str) -> None:
    data = streamed(operation, {"messages": "end_turn"}.get(operation, "stop"), USAGE)
    assert finished_stream(operation, data) is not None
    events = data.split(b"\n\n")[:-1]
    for count in range(len(events)):
        assert finished_stream(operation, b"".join(event + b"\n\n" for event in events[:count])) is None


@pytest.mark.parametrize("operation", ["chat", "completions", "messages", "responses"])
@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"m"}}\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
        b'data: {"type" : "error"}\n\n',
        b'data: {"error":\n\n',
    ],
)
def test_an_error_among_the_events_spoils_it(operation: str, event: bytes) -> None:
    data = streamed(operation, {"messages": "end_turn"}.get(operation, "stop"))
    first = data.index(b"\n\n") + 2
    assert finished_stream(operation, data[:first] + event + data[first:]) is None


def test_words_of_the_answer_are_no_events() -> None:
    said = '"error": {"finish_reason":"stop"} "type":"error" data: [DONE]'
    good = b"".join(openai_chat.stream("c", "m", 1, [said]))
    assert finished_stream("chat", good) is not None
    assert finished_stream("chat", b"".join(openai_chat.stream("c", "m", 1, [said], None, "length"))) is None
    assert finished("chat", openai_chat.completion("c", "m", 1, said, USAGE, "length")) is None


def test_all_choices_asked_for_must_be_there() -> None:
    one = whole("chat")
    assert finished("chat", one, 2) is None
    assert finished_stream("chat", streamed("chat"), 2) is None
    both = streamed("chat").replace(b'"index":0', b'"index":1') + streamed("chat")
    assert finished_stream("chat", both, 2) is not None


@pytest.mark.parametrize(
    ("operation", "body", "good"),
    [
        ("embeddings", {"data": [{"embedding": [1.0]}], "model": "e"}, True),
        ("embeddings", {"model": "e"}, False),
        ("rerank", {"results": []}, True),
        ("rerank", {"data": []}, True),
        ("rerank", {}, False),
        ("count_tokens", {"input_tokens": 3}, True),
        ("count_tokens", {}, False),
        ("chat", {"choices": [], "error": {"message": "m"}}, False),
        ("chat", {"choices": []}, False),
        ("chat", {"choices": 3}, False),
        ("responses", {"status": "completed", "error": None}, True),
        ("responses", {"status": "failed", "error": {"code": "x"}}, False),
        ("responses", {"status": "in_progress"}, False),
    ],
)
def test_other_bodies(operation: str, body: dict[str, Any], good: bool) -> None:
    assert (finished(operation, json.dumps(body).encode()) is not None) is good


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 5000])
def test_what_cannot_be_read_is_none(body: bytes) -> None:
    assert finished("chat", body) is None
    assert finished_stream("chat", body) is None


def test_usage_that_has_a_chunk_of_its_own_is_taken_out() -> None:
    plain = streamed("chat")
    kept, usage = without_usage(streamed("chat", "stop", USAGE))
    assert kept == plain
    assert json.loads(usage)["prompt_tokens"] == 3
    assert without_usage(plain) == (plain, b"")
    odd = b'data: {"choices":[{"index":0}],"usage":{"prompt_tokens":1}}\n\n'
    assert without_usage(odd) == (odd, b"")
    torn = b'data: {"choices":[],"usage":{\n\n'
    assert without_usage(torn) == (torn, b"")


@pytest.mark.parametrize("index", [[1], {}, "0", None])
def test_a_choice_whose_place_is_no_number_spoils_the_stream(index: Any) -> None:
    said = {"model": "m-1", "choices": [{"index": index, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    assert finished_stream("chat", b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(said).encode()) is None


@pytest.mark.parametrize("reasons", [("length", "stop"), ("stop", "length"), ("content_filter", "stop")])
def test_a_choice_that_was_cut_short_is_not_whole_though_it_ends_again(reasons: tuple[str, str]) -> None:
    events = [{"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]} for reason in reasons]
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    assert finished_stream("chat", data + b"data: [DONE]\n\n") is None

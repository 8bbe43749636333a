"""What of an answer is kept: all of it or nothing, within bounds that are given back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.recording import Kept, Recorder, choices_of, content_of, refused, tokens_of
from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.memory.ledger import BoundedAccount
from penstock.wire import openai_chat
from penstock.wire.counts import Usage
from tests.support.caching import JSON, answer, exchange, served

SSE = b"text/event-stream"


def record(
    frames: list[bytes], most: int = 100_000, bound: int = 1_000_000, events: bool = True
) -> tuple[Recorder, BoundedAccount]:
    account = BoundedAccount("cache", bound)
    moments = iter(range(1000))
    recorder = Recorder(account, most, lambda: next(moments) / 10, events=events)
    for frame in frames:
        recorder.tap(frame)
    return recorder, account


def stream(usage: bool = False, finish: str = "stop") -> list[bytes]:
    return list(openai_chat.stream("c", "m-1", 1, ["one ", "two"], Usage(3, 2) if usage else None, finish))


def test_a_stream_is_kept_with_its_gaps() -> None:
    recorder, account = record(stream())
    kept = recorder.result("chat", SSE, 1)
    assert isinstance(kept, Kept)
    assert kept.named == "m-1"
    assert kept.answer.frames() == [(frame, 100) for frame in stream()]
    assert account.held > 0
    recorder.close()
    recorder.close()
    assert account.held == 0


def test_usage_that_was_asked_for_is_kept_apart() -> None:
    for joined in (stream(usage=True), [b"".join(stream(usage=True))]):
        kept = record(joined)[0].result("chat", SSE, 1)
        assert isinstance(kept, Kept)
        assert kept.answer.data == b"".join(stream())
        assert json.loads(kept.answer.usage)["completion_tokens"] == 2


def test_the_gap_before_a_frame_that_is_left_out_is_not_lost() -> None:
    kept = record(stream(usage=True))[0].result("chat", SSE, 1)
    assert isinstance(kept, Kept)
    assert sum(pause for _, pause in kept.answer.frames()) == 100 * len(stream(usage=True))


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_what_is_cut_is_not_kept(finish: str) -> None:
    assert record(stream(finish=finish))[0].result("chat", SSE, 1) == "not_whole"


def test_a_whole_answer_is_kept_as_it_is() -> None:
    data = answer().data
    kept = record([data[:10], data[10:]], events=False)[0].result("chat", JSON, 1)
    assert isinstance(kept, Kept)
    assert (kept.answer.data, kept.answer.streamed, kept.named) == (data, False, "m-1")
    assert record([b"{}"], events=False)[0].result("chat", JSON, 1) == "not_whole"


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=400), max_size=30), st.integers(0, 3000), st.integers(0, 3000))
def test_it_never_holds_more_than_it_may_and_gives_all_back(frames: list[bytes], most: int, bound: int) -> None:
    account = BoundedAccount("cache", bound)
    recorder = Recorder(account, most, lambda: 0.0, events=True)
    for frame in frames:
        recorder.tap(frame)
        assert account.held <= min(most, bound)
    total = sum(len(frame) + 8 for frame in frames)
    assert recorder.over == (total > min(most, bound))
    if recorder.over:
        assert account.held == 0
        assert recorder.result("chat", SSE, 1) == "too_large"
    recorder.close()
    assert account.held == 0


def ended(**facts: Any) -> Exchange:
    one = served(exchange())
    one.outcome = "ok"
    for name, value in facts.items():
        setattr(one, name, value)
    return one


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, ""),
        ({"outcome": "left"}, "broken"),
        ({"outcome": "error"}, "broken"),
        ({"error": UpstreamError("x")}, "broken"),
        ({"status": 0}, ""),
        ({"status": 206}, "status"),
        ({"status": 429}, "status"),
        ({"rescues": ["prefill"]}, "rescued"),
        ({"rescues": ["failed"]}, "rescued"),
        ({"degraded": "shorter"}, "degraded"),
        ({"model": "fallback"}, "other_model"),
        ({"model": "m@canary"}, "other_model"),
        ({"answered_as": "other"}, "other_model"),
    ],
)
def test_whose_answers_are_not_kept(facts: dict[str, Any], reason: str) -> None:
    assert refused(ended(**facts), "m") == reason


@pytest.mark.parametrize(
    ("operation", "fields", "count"),
    [
        ("chat", {}, 1), ("chat", {"n": 3}, 3), ("chat", {"n": None}, 1), ("chat", {"prompt": ["a", "b"]}, 1),
        ("completions", {"prompt": "a", "n": 2}, 2), ("completions", {"prompt": ["a", "b"], "n": 2}, 4),
        ("completions", {"prompt": [[1, 2], [3]]}, 2), ("completions", {"prompt": [1, 2, 3]}, 1),
        ("completions", {"prompt": []}, 1),
    ],
)  # fmt: skip
def test_how_many_choices(operation: str, fields: dict[str, Any], count: int) -> None:
    assert choices_of(operation, fields) == count


def test_tokens_as_told_or_as_counted() -> None:
    one = ended(tokens_in=30, tokens_out=20)
    assert tokens_of(one, answer()) == (3, 2)
    kept = record(stream())[0].result("chat", SSE, 1)
    assert isinstance(kept, Kept)
    assert tokens_of(one, kept.answer) == (30, 20)


def test_equal_answers_have_equal_contents() -> None:
    one = json.loads(answer().data)
    other = one | {"id": "d", "created": 9, "usage": {}}
    assert content_of(json.dumps(one).encode()) == content_of(json.dumps(other, indent=1).encode())
    assert content_of(answer("bye").data) != content_of(answer().data)
    assert content_of(b"no json") != content_of(b"none")

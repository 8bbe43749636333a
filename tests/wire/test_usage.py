import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire import anthropic_messages, openai_chat, openai_completions, openai_responses
from penstock.wire.counts import Usage
from penstock.wire.sse import DONE
from penstock.wire.usage import MOST_LAST_BYTES, usage_in, usage_of
from tests.support.odd_events import odd_events

ANSWERS = [
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}, Usage(5, 7, 0)),
    (
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 3}}},
        Usage(5, 7, 3),
    ),
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None}}, Usage(5, 7, 0)),
    (
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 6}}},
        Usage(5, 7, 0, 6),
    ),
    (
        {"usage": {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 4}}},
        Usage(5, 7, 0, 4),
    ),
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "reasoning_tokens": 2}}, Usage(5, 7, 0, 2)),
    (
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": -2}}},
        Usage(5, 7, 0, 0),
    ),
    ({"usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(5, 0, 0)),
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 2}}, Usage(5, 7, 2)),
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7}, "timings": {"cache_n": 4, "x": 0.5}}, Usage(5, 7, 4)),
    (
        {"usage": {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7}},
        Usage(5, 7, 4),
    ),
    ({"usage": {"input_tokens": 5, "output_tokens": 7}}, Usage(5, 7, 0)),
    (
        {
            "type": "message",
            "usage": {
                "input_tokens": 5,
                "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 100,
                "output_tokens": 7,
                "service_tier": "standard",
            },
        },
        Usage(115, 7, 100, written_tokens=10),
    ),
    ({"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": 2}}}, Usage(1, 2, 0)),
    ({"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 2}}}, Usage(1, 2, 0)),
    ({"usage": {"prompt_tokens": -5, "completion_tokens": -1}}, Usage(0, 0, 0)),
    ({"usage": None}, None),
    ({}, None),
    ({"error": {"message": "m"}}, None),
    ({"message": "m"}, None),
    ({"usage": {"prompt_tokens": "5"}}, None),
    ({"usage": 7}, None),
    ([], None),
]


@pytest.mark.parametrize(("answer", "usage"), ANSWERS)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_every_dialects_names_are_read(answer, usage, separators):
    body = json.dumps(answer, separators=separators).encode()
    assert usage_of(body) == usage
    assert usage_in(b"event: x\ndata: " + body + b"\n\n") == usage


@given(st.binary(max_size=60))
def test_any_bytes_tell_something_or_nothing(body):
    usage_of(body)
    usage_in(b'data: {"usage":{' + body + b"}}\n\n")


def test_counts_beyond_all_reason_are_cut():
    assert usage_of(b'{"usage":{"prompt_tokens":%d,"completion_tokens":-5}}' % 10**30) == Usage(2**53 - 1, 0, 0)


def test_a_long_usage_at_the_end_is_read():
    body = b'{"a":1,"usage":{"x":"%b","prompt_tokens":7,"completion_tokens":3}}' % (b"y" * MOST_LAST_BYTES)
    assert usage_of(body) == Usage(7, 3, 0)


def test_deep_bodies_tell_nothing():
    assert usage_of(b'{"a":1,"usage":{"x":' + b"[" * 1500 + b"]" * 1500 + b"}}") is None
    assert usage_of(b'{"a":1,"usage":{"x":' + b"[" * 5000 + b"]" * 5000 + b"}}") is None
    assert usage_of(b"[" * 1_000_000) is None
    assert usage_of(b'{"usage":' * 100_000) is None


USAGE = Usage(20, 3, 8)


@pytest.mark.parametrize(
    "stream",
    [
        list(openai_chat.stream("i", "m", 1, ["a", "b"], USAGE)),
        list(openai_completions.stream("i", "m", 1, ["a", "b"], USAGE)),
        list(openai_responses.stream("i", "m", 1, ["a", "b"], USAGE)),
        list(anthropic_messages.stream("i", "m", ["a", "b"], USAGE)),
    ],
    ids=["chat", "completions", "responses", "messages"],
)
def test_the_usage_of_a_stream_is_what_its_frames_tell_together(stream):
    found = None
    for frame in stream:
        told = usage_in(frame)
        found = told.joined(found) if told else found
    assert found == USAGE
    assert usage_in(b"".join(stream)) == USAGE
    assert found.total_tokens == 23


@pytest.mark.parametrize(
    "frame",
    [
        DONE,
        b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}\n\n',
        b'data: {"choices":[],"usage" : null}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\"usage\\":{\\"prompt_tokens\\":1}"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\"usage\\":{"}}],"usage":null}\n\n',
        b': "usage":{"prompt_tokens":1}\n\n',
    ],
)
def test_frames_that_tell_nothing(frame):
    assert usage_in(frame) is None


def test_no_event_whatever_stands_in_it_is_a_failure():
    for event in odd_events():
        usage_in(event)

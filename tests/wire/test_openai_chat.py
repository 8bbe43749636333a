import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from penstock.wire.counts import Usage
from penstock.wire.openai_chat import ask_usage, chunk, completion, stream, strip_usage_chunk
from penstock.wire.sse import DONE, KEEP_ALIVE, parse

USAGE = Usage(20, 3, 8)


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"model":"m"}', b'{"stream_options":{"include_usage":true},"model":"m"}'),
        (b' { "model": "m" }', b' {"stream_options":{"include_usage":true}, "model": "m" }'),
        (b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{}}', b'{"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options": {"include_usage": false, "x" : 1.0 } ,"model":"m"}',
            b'{"stream_options": {"include_usage": true, "x" : 1.0 } ,"model":"m"}',
        ),
        (
            b'{"stream_options":{"continuous_usage_stats":true}}',
            b'{"stream_options":{"include_usage":true,"continuous_usage_stats":true}}',
        ),
        (b'{"stream\\u005foptions":{"x":1}}', b'{"stream\\u005foptions":{"include_usage":true,"x":1}}'),
        (
            b'{"metadata":{"stream_options":{}}}',
            b'{"stream_options":{"include_usage":true},"metadata":{"stream_options":{}}}',
        ),
    ],
)
@pytest.mark.parametrize("padding", [0, 5000, 1 << 20])
def test_usage_is_asked_for_and_nothing_else_changes(body, asked, padding):
    end = b',"pad":"' + b"x" * padding + b'"}' if padding else b"}"
    assert ask_usage(body[:-1] + end) == asked[:-1] + end


TELLS = chunk("i", "m", 1, usage=USAGE)
KEPT = [
    chunk("i", "m", 1, {"role": "assistant", "content": ""}),
    chunk("i", "m", 1, {"content": '"usage": {"prompt_tokens": 1}, "choices": []'}),
    b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}\n\n',
    b'data: {"choices": [], "usage": null}\r\n\r\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n',
    b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
    b'data: {"error":{"message":"usage"}}\n\n',
    b'data: not json "usage":{\n\n',
    b'data: {"usage":{"prompt_tokens":1}}\n\n',
    KEEP_ALIVE,
    DONE,
]
DROPPED = [
    TELLS,
    b'data:{"usage" : {"prompt_tokens":1},\r\ndata: "choices" : [ ] }\r\n\r\n',
    b'id: 5\ndata: {"choices":[],"usage":{},"x":{"y":[]}}\n\n',
]


@given(st.lists(st.sampled_from(KEPT + DROPPED), max_size=8))
def test_only_the_usage_chunks_are_withheld(events):
    kept = b"".join(event for event in events if event in KEPT)
    assert strip_usage_chunk(b"".join(events)) == kept


def test_a_frame_without_usage_is_the_same_object():
    frame = b"".join([KEPT[0], KEPT[2], DONE])
    assert strip_usage_chunk(frame) is frame


def test_a_whole_answer_is_what_the_sdk_expects():
    answer = ChatCompletion.model_validate_json(completion("id-1", "m", 7, "hi \u2028 é", USAGE), strict=True)
    assert answer.choices[0].message.content == "hi \u2028 é"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.id, answer.model, answer.created) == ("id-1", "m", 7)
    assert answer.usage.total_tokens == 23
    assert answer.usage.prompt_tokens_details.cached_tokens == 8


@pytest.mark.parametrize("usage", [None, USAGE])
def test_a_streamed_answer_is_what_the_sdk_expects(usage):
    frames = list(stream("id-1", "m", 7, ["he", "llo"], usage))
    assert frames.pop() == DONE
    chunks = [ChatCompletionChunk.model_validate_json(event.data, strict=True) for f in frames for event in parse(f)]
    assert len(chunks) == len(frames)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hello"
    assert chunks[0].choices[0].delta.role == "assistant"
    finished = chunks[-2] if usage else chunks[-1]
    assert finished.choices[0].finish_reason == "stop"
    assert [c.usage is not None for c in chunks].count(True) == (usage is not None)
    if usage:
        assert json.loads(parse(frames[-1])[0].data)["choices"] == []
        assert chunks[-1].usage.completion_tokens == 3

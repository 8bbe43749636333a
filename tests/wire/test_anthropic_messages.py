from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from pydantic import TypeAdapter

from penstock.wire.anthropic_messages import PING, message, stream, token_count
from penstock.wire.counts import Usage
from penstock.wire.sse import parse

USAGE = Usage(20, 3, 8)


def test_a_whole_answer_is_what_the_sdk_expects():
    answer = Message.model_validate_json(message("msg_1", "m", "hi", USAGE), strict=True)
    assert answer.content[0].text == "hi"
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (12, 8, 3)


def test_a_streamed_answer_is_what_the_sdk_expects():
    events = [event for frame in stream("msg_1", "m", ["he", "llo"], USAGE) for event in parse(frame)]
    assert [event.event for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    adapter = TypeAdapter(RawMessageStreamEvent)
    told = [adapter.validate_json(event.data) for event in events if event.event != "ping"]
    assert [item.type for item in told] == [event.event for event in events if event.event != "ping"]
    assert told[0].message.usage.input_tokens == 12, "clients keep the count of the first event"
    assert "".join(item.delta.text for item in told if item.type == "content_block_delta") == "hello"
    assert told[-2].usage.output_tokens == 3
    assert told[-2].delta.stop_reason == "end_turn"


def test_ping():
    assert [(event.event, event.data) for event in parse(PING)] == [("ping", b'{"type":"ping"}')]


def test_token_count():
    assert MessageTokensCount.model_validate_json(token_count(5)).input_tokens == 5

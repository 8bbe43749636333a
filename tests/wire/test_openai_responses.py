import json

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from penstock.wire.counts import Usage
from penstock.wire.openai_responses import response, stream
from penstock.wire.sse import parse

USAGE = Usage(20, 3, 8)


def test_a_whole_answer_is_what_the_sdk_expects():
    answer = Response.model_validate_json(response("resp_1", "m", 7, "hi", USAGE))
    assert answer.output_text == "hi"
    assert answer.status == "completed"
    assert answer.usage.input_tokens_details.cached_tokens == 8
    assert answer.usage.total_tokens == 23


def test_an_answer_that_was_cut_says_so():
    answer = Response.model_validate_json(response("resp_1", "m", 7, "hi", USAGE, "length"))
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    last = parse(list(stream("resp_1", "m", 7, ["hi"], USAGE, "length"))[-1])[0]
    assert last.event == "response.incomplete"
    assert TypeAdapter(ResponseStreamEvent).validate_json(last.data).response == answer


def test_a_streamed_answer_is_what_the_sdk_expects():
    frames = list(stream("resp_1", "m", 7, ["he", "llo"], USAGE))
    events = [event for frame in frames for event in parse(frame)]
    assert len(events) == len(frames)
    adapter = TypeAdapter(ResponseStreamEvent)
    told = [adapter.validate_json(event.data) for event in events]
    assert [event.event for event in events] == [item.type for item in told]
    assert [item.sequence_number for item in told] == list(range(len(told)))
    assert [item.type for item in told] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(item.delta for item in told if item.type == "response.output_text.delta") == "hello"
    assert json.loads(events[-1].data)["response"] == json.loads(response("resp_1", "m", 7, "hello", USAGE))

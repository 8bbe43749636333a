"""The events of the Responses API, as its own client puts them together again."""

from __future__ import annotations

import json
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from penstock.wire import openai_responses
from penstock.wire.counts import Usage
from penstock.wire.replayed import as_events, as_whole
from penstock.wire.replayed_responses import response_events
from penstock.wire.sse import parse

PIECES = ["Hello, ", "wide ", "world."]
ITEMS: list[dict[str, Any]] = [
    {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "so it is"}]},
    {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [
            {"type": "output_text", "text": "see there", "logprobs": [],
             "annotations": [{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}]},
            {"type": "refusal", "refusal": "I will not"},
        ],
    },
    {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "c", "name": "f", "arguments": "{}"},
]  # fmt: skip


def whole(items: list[dict[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(openai_responses.response("1", "m", 7, "x", Usage(3, 2)))
    return body | {"output": items}


def told(frames: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(parse(frame)[0].data) for frame in frames]


def test_text_is_told_as_the_built_in_model_streams_it() -> None:
    body = openai_responses.response("1", "m", 7, "".join(PIECES), Usage(3, 2))
    assert told(list(response_events(json.loads(body)))) == told(
        list(openai_responses.stream("1", "m", 7, PIECES, Usage(3, 2)))
    )


def test_all_kinds_of_items_are_events_that_the_client_knows() -> None:
    events = told(list(response_events(whole(ITEMS))))
    known: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for event in events:
        assert known.validate_python(event).type == event["type"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    for kind in ("reasoning_summary_text.delta", "refusal.done", "function_call_arguments.done", "output_item.done"):
        assert f"response.{kind}" in kinds
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "see there"


def test_the_last_event_holds_the_whole_answer() -> None:
    frames = as_events("responses", json.dumps(whole(ITEMS)).encode(), False)
    assert frames is not None
    back = as_whole("responses", b"".join(frames))
    assert back is not None
    assert json.loads(back) == whole(ITEMS)

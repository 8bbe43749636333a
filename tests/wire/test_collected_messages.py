from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire import anthropic_messages
from penstock.wire.collected import MOST_BYTES
from penstock.wire.collected_messages import CollectedMessage
from penstock.wire.counts import Usage
from penstock.wire.sse import encode
from tests.support.splitting import message_frames

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORD = st.text("abc_", min_size=1, max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=8,
)
CITED = st.fixed_dictionaries({"type": st.just("page_location"), "cited_text": TEXT, "document_index": st.just(0)})
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(
        lambda text, cited: {"type": "text", "text": text, "citations": cited}, TEXT, st.lists(CITED, max_size=3)
    ),
    st.builds(lambda text, mark: {"type": "thinking", "thinking": text, "signature": mark}, TEXT, WORD),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, WORD),
    st.builds(
        lambda name, given: {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": given},
        WORD, st.dictionaries(WORD, JSON, max_size=3),
    ),
    st.builds(
        lambda found: {"type": "web_search_tool_result", "tool_use_id": "s", "content": found},
        st.lists(st.fixed_dictionaries({"type": st.just("web_search_result"), "url": TEXT}), max_size=2),
    ),
)  # fmt: skip


@st.composite
def whole_messages(draw: st.DrawFn) -> dict[str, Any]:
    stop = draw(st.sampled_from(["end_turn", "tool_use", "stop_sequence"]))
    return {
        "id": draw(WORD), "type": "message", "role": "assistant", "model": draw(WORD),
        "content": draw(st.lists(BLOCKS, max_size=4)),
        "stop_reason": stop, "stop_sequence": draw(WORD) if stop == "stop_sequence" else None,
        "usage": {"input_tokens": draw(st.integers(0, 99)), "cache_read_input_tokens": 3,
                  "output_tokens": draw(st.integers(1, 99)), "service_tier": "standard"},
    }  # fmt: skip


def event(kind: str, **fields: Any) -> bytes:
    return encode(msgspec.json.encode({"type": kind, **fields}), kind)


def collected(*frames: bytes, most: int = MOST_BYTES) -> dict[str, Any]:
    made = CollectedMessage(most)
    for frame in frames:
        made.add(frame)
    whole = msgspec.json.decode(made.body())
    assert isinstance(whole, dict)
    return whole


START = event("message_start", message={"id": "m", "type": "message", "role": "assistant", "content": [], "usage": {}})
TOOL = event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}})


def part(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text})


def stop(reason: str, **fields: Any) -> bytes:
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, **fields)


@given(whole_messages(), st.data())
def test_however_a_whole_message_is_split_collecting_gives_it_back(whole: dict[str, Any], data: st.DataObject) -> None:
    assert collected(*message_frames(data.draw, whole)) == whole


def test_the_stream_of_a_built_in_model_becomes_its_whole_answer() -> None:
    usage = Usage(5, 2)
    got = collected(*anthropic_messages.stream("i", "m", ["Hel", "lo"], usage))
    assert got == msgspec.json.decode(anthropic_messages.message("i", "m", "Hello", usage))


def test_an_input_keeps_its_numbers_as_they_were_written() -> None:
    made = CollectedMessage()
    for frame in (START, TOOL, part('{"n": 1.'), part("50e2}"), stop("tool_use")):
        made.add(frame)
    assert b'"input":{"n": 1.50e2}' in made.body()


def test_facts_beside_the_delta_belong_to_the_message() -> None:
    got = collected(START, stop("end_turn", usage={"output_tokens": 4}, context_management={"applied_edits": []}))
    assert (got["stop_reason"], got["usage"]) == ("end_turn", {"output_tokens": 4})
    assert got["context_management"] == {"applied_edits": []}


def test_an_input_that_the_limit_cut_off_is_empty() -> None:
    (block,) = collected(START, TOOL, part('{"path":"a","text":"hal'), stop("max_tokens"))["content"]
    assert block == {"type": "tool_use", "id": "t", "name": "f", "input": {}}


def test_an_input_that_is_no_json_for_no_reason_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="no JSON") as caught:
        collected(START, TOOL, part('{"a":'), stop("tool_use"))
    assert caught.value.code == "upstream_malformed"


def test_a_part_of_no_block_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="had not begun"):
        collected(START, part("{"))


def test_a_stream_without_a_message_is_none() -> None:
    with pytest.raises(UpstreamError, match="without an answer"):
        collected(anthropic_messages.PING)


def test_another_message_takes_the_place_of_what_is_forgotten() -> None:
    made = CollectedMessage()
    for frame in (START, TOOL, part("{"), stop("tool_use", usage={"output_tokens": 9})):
        made.add(frame)
    made.clear()
    frames = list(anthropic_messages.stream("i", "m", ["Hi"], Usage(5, 2)))
    for frame in frames:
        made.add(frame)
    assert msgspec.json.decode(made.body()) == collected(*frames)


@pytest.mark.parametrize(
    "grow",
    [
        lambda number: part("x" * 100),
        lambda number: event("content_block_start", index=number, content_block={}),
        lambda number: event("content_block_delta", index=0, delta={"type": "x", f"k{number}": 1}),
        lambda number: event("message_delta", usage={f"k{number}": 1}),
    ],
)
def test_whatever_grows_is_bounded(grow: Callable[[int], bytes]) -> None:
    frames = [grow(number) for number in range(1000)]
    with pytest.raises(UpstreamError, match="10000 bytes"):
        collected(START, TOOL, *frames, most=10_000)


ODD = st.sampled_from([None, True, 1, 1.5, "x", [], [1], {}, {"index": 1}, [{"index": 0}], {"text": ["x"]}])
KEYS = st.sampled_from(["index", "id", "text", "usage", "content", "partial_json", "citation", "citations", "input"])
JUNK = ODD | st.dictionaries(KEYS, ODD, max_size=4)
KINDS = ["message_start", "message_delta", "content_block_start", "content_block_delta", "content_block_stop", "x"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), JUNK, JUNK), max_size=6))
def test_no_event_whatever_is_more_than_an_upstreams_error(events: list[tuple[str, Any, Any]]) -> None:
    made = CollectedMessage()
    try:
        for kind, one, other in events:
            made.add(event(kind, index=0, message=one, delta=one, content_block=other, usage=other))
        msgspec.json.decode(made.body())
    except UpstreamError:
        pass

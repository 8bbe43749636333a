from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire import openai_chat, openai_completions
from penstock.wire.collected import MOST_BYTES, CollectedChoices
from penstock.wire.counts import Usage
from penstock.wire.sse import DONE, encode
from tests.support.splitting import choice_frames

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORD = st.text("abc_", min_size=1, max_size=6)
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def chunk(*choices: dict[str, Any], **facts: Any) -> bytes:
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices)}
    return encode(msgspec.json.encode(body | facts))


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": finish}


def collected(*frames: bytes, most: int = MOST_BYTES) -> dict[str, Any]:
    made = CollectedChoices(most)
    for frame in frames:
        made.add(frame)
    whole = msgspec.json.decode(made.body())
    assert isinstance(whole, dict)
    return whole


def message(*frames: bytes) -> Any:
    (choice,) = collected(*frames)["choices"]
    return choice["message"]


def test_the_stream_of_a_built_in_model_becomes_its_whole_answer() -> None:
    usage = Usage(5, 2)
    chat = collected(*openai_chat.stream("i", "m", 1, ["Hel", "lo"], usage))
    whole = msgspec.json.decode(openai_chat.completion("i", "m", 1, "Hello", usage))
    whole["choices"][0]["message"].pop("refusal")  # the stream does not tell of it
    assert chat == whole
    text = collected(*openai_completions.stream("i", "m", 1, ["Hel", "lo"], usage))
    assert text == msgspec.json.decode(openai_completions.completion("i", "m", 1, "Hello", usage))


@st.composite
def tool_calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = draw(st.lists(st.tuples(WORD, TEXT), min_size=1, max_size=3))
    return [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(made)
    ]


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": draw(TEXT)}
    kind = draw(st.sampled_from(["text", "refusal", "tools", "thought"]))
    if kind == "refusal":
        made |= {"content": None, "refusal": draw(TEXT.filter(bool))}
    elif kind == "tools":
        made |= {"content": draw(TEXT) or None, "tool_calls": draw(tool_calls())}
    elif kind == "thought":
        made |= {"reasoning_content": draw(TEXT), "refusal": None}
    return made


TOKEN = st.fixed_dictionaries({"token": TEXT, "logprob": st.floats(-9, 0), "top_logprobs": st.just([])})
LOGPROBS = st.none() | st.fixed_dictionaries({"content": st.lists(TOKEN, max_size=3)})
TEXT_LOGPROBS = st.none() | st.fixed_dictionaries(
    {"tokens": st.lists(TEXT, max_size=3), "token_logprobs": st.lists(st.none() | st.floats(-9, 0), max_size=3)}
)
FACTS = st.fixed_dictionaries(
    {"id": WORD, "created": st.integers(1, 2**31), "model": WORD},
    optional={"system_fingerprint": st.none() | WORD, "x_other": st.lists(st.integers(), min_size=1, max_size=3)},
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    is_chat = draw(st.booleans())
    choices = []
    for index in range(draw(st.integers(1, 3))):
        said = {"message": draw(messages())} if is_chat else {"text": draw(TEXT)}
        logprobs = draw(LOGPROBS if is_chat else TEXT_LOGPROBS)
        choices.append({"index": index, **said, "logprobs": logprobs, "finish_reason": draw(FINISHES)})
    kind = "chat.completion" if is_chat else "text_completion"
    return {**draw(FACTS), "object": kind, "choices": choices, "usage": USAGE}


@given(answers(), st.data())
def test_however_a_whole_answer_is_split_collecting_gives_it_back(answer: dict[str, Any], data: st.DataObject) -> None:
    assert collected(*choice_frames(data.draw, answer)) == answer


def test_names_are_the_first_told_and_other_facts_the_last() -> None:
    first = chunk(id="", model="", created=0, prompt_filter_results=[{"prompt_index": 0}])
    whole = collected(
        first,
        chunk(delta(content="a"), usage={"completion_tokens": 1}, obfuscation="xx"),
        chunk(delta(finish="stop"), id="other", system_fingerprint="fp", usage={"completion_tokens": 2}),
    )
    assert whole.pop("choices")
    assert whole == {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "fp",
        "prompt_filter_results": [{"prompt_index": 0}], "usage": {"completion_tokens": 2},
    }  # fmt: skip


def test_usage_that_was_not_told_is_not_made_up() -> None:
    assert "usage" not in collected(chunk(delta(content="a"), usage=None), chunk(delta(finish="stop")), DONE)


def test_a_role_or_a_name_that_is_told_in_every_event_is_told_once() -> None:
    call = {"index": 0, "id": "t", "type": "function"}
    got = message(
        chunk(delta(role="assistant", tool_calls=[call | {"function": {"name": "f", "arguments": "{"}}])),
        chunk(delta(role="assistant", tool_calls=[call | {"function": {"name": "f", "arguments": "}"}}])),
        chunk(delta(tool_calls=[{"index": 0, "id": "", "function": {"name": None, "arguments": " "}}])),
    )
    assert got["role"] == "assistant"
    assert got["tool_calls"] == [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{} "}}]


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_calls_that_only_their_id_tells_apart_are_not_glued(index: dict[str, int]) -> None:
    got = message(
        chunk(delta(tool_calls=[index | {"id": "a", "function": {"name": "f", "arguments": "{"}}])),
        chunk(delta(tool_calls=[index | {"function": {"arguments": "1}"}}])),
        chunk(delta(tool_calls=[index | {"id": "b", "function": {"name": "g", "arguments": "{2}"}}])),
    )
    assert [(call["id"], call["function"]["arguments"]) for call in got["tool_calls"]] == [("a", "{1}"), ("b", "{2}")]


def test_calls_without_index_and_id_begin_with_their_name() -> None:
    got = message(
        chunk(delta(tool_calls=[{"id": "", "function": {"name": "f", "arguments": "{1}"}}])),
        chunk(delta(tool_calls=[{"id": "", "function": {"name": "f", "arguments": "{2}"}}])),
    )
    assert [call["function"]["arguments"] for call in got["tool_calls"]] == ["{1}", "{2}"]


def test_a_call_whose_parts_each_have_an_id_has_the_first() -> None:
    got = message(
        chunk(delta(tool_calls=[{"index": 0, "id": "x1", "type": "function", "function": {"name": "f"}}])),
        chunk(delta(tool_calls=[{"index": 0, "id": "x2", "type": "function", "function": {"arguments": "{"}}])),
        chunk(delta(tool_calls=[{"index": 0, "id": "x3", "function": {"name": None, "arguments": "}"}}])),
    )
    assert got["tool_calls"] == [{"id": "x1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_an_empty_answer_is_a_text_where_no_tool_is_called() -> None:
    got = message(chunk(delta(role="assistant", content="", tool_calls=[])), chunk(delta(finish="stop")))
    assert (got["content"], got["tool_calls"]) == ("", [])


def test_the_old_function_call_is_glued_too() -> None:
    got = message(
        chunk(delta(role="assistant", content=None, function_call={"name": "f", "arguments": ""})),
        chunk(delta(function_call={"arguments": "{"})),
        chunk(delta(function_call={"arguments": "}"})),
    )
    assert (got["function_call"], got["content"]) == ({"name": "f", "arguments": "{}"}, None)


def test_what_is_not_known_here_grows_alike() -> None:
    got = message(
        chunk(delta(reasoning="h", annotations=[{"type": "url"}], reasoning_details=[_detail("h")], x=1)),
        chunk(delta(reasoning="m", annotations=[{"type": "file"}], reasoning_details=[_detail("m")], x=2)),
    )
    assert got["reasoning"] == "hm"
    assert got["annotations"] == [{"type": "url"}, {"type": "file"}]
    assert got["reasoning_details"] == [_detail("hm")]
    assert got["x"] == 2


def _detail(text: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "format": "x-v1", "index": 0, "text": text}


def test_content_in_parts_and_in_text_becomes_parts() -> None:
    """As reasoning models of Mistral tell it."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    got = message(chunk(delta(content="")), chunk(delta(content=[thought])), chunk(delta(content="Yes")))
    assert got["content"] == [thought, {"type": "text", "text": "Yes"}]
    got = message(chunk(delta(content="So")), chunk(delta(content=[thought])))
    assert got["content"] == [{"type": "text", "text": "So"}, thought]


def test_facts_about_a_choice_are_not_glued() -> None:
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    first = delta(content="a") | {"content_filter_results": safe, "stop_reason": None}
    last = delta(finish="stop") | {"content_filter_results": {}, "stop_reason": "END"}
    (choice,) = collected(chunk(first), chunk(delta() | {"content_filter_results": safe}), chunk(last))["choices"]
    assert (choice["content_filter_results"], choice["stop_reason"]) == (safe, "END")


def test_comments_and_the_end_marker_are_no_part_of_the_answer() -> None:
    assert message(b": story\n\n" + chunk(delta(content="a")) + DONE)["content"] == "a"


def test_another_answer_takes_the_place_of_what_is_forgotten() -> None:
    made = CollectedChoices()
    made.add(chunk(delta(content="a"), delta(1, content="b"), id="one", system_fingerprint="x"))
    made.clear()
    assert repr(made) == f"<CollectedChoices 0 of {MOST_BYTES} bytes>"
    made.add(chunk(delta(content="c", finish="stop"), id="two"))
    fresh = collected(chunk(delta(content="c", finish="stop"), id="two"))
    assert msgspec.json.decode(made.body()) == fresh


def test_a_stream_without_an_answer_is_none() -> None:
    for frames in [(), (DONE,), (chunk(usage=USAGE),)]:
        with pytest.raises(UpstreamError, match="without an answer"):
            collected(*frames)


@pytest.mark.parametrize("data", [b'data: {"choices":[\n\n', b"data: \xff\n\n", b'data: {"a":' + b"[" * 9999 + b"\n\n"])
def test_an_event_that_cannot_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        collected(data)
    assert caught.value.code == "upstream_malformed"


@pytest.mark.parametrize(
    "grow",
    [
        lambda number: delta(content="x" * 100),
        lambda number: delta(tool_calls=[{"index": 0, "function": {"arguments": "x" * 100}}]),
        lambda number: delta(tool_calls=[{"index": number}]),
        lambda number: delta(number),
        lambda number: delta(**{f"k{number}": None}),
        lambda number: delta() | {"logprobs": {"content": [{"token": "x" * 100}]}},
        lambda number: delta() | {f"k{number}": "x" * 100},
        lambda number: delta() | {"k": "x" * 20 * number},
    ],
)
def test_whatever_grows_is_bounded(grow: Any) -> None:
    frames = [chunk(grow(number)) for number in range(1000)]
    with pytest.raises(UpstreamError) as caught:
        collected(*frames, most=10_000)
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (502, "answer_too_large", False)
    assert "10000 bytes" in caught.value.message


def test_what_is_told_again_and_again_takes_no_room() -> None:
    made = CollectedChoices(2000)
    for number in range(1000):
        made.add(chunk(delta(role="assistant"), usage={"completion_tokens": number}, timings={"n": [number] * 9}))
    assert msgspec.json.decode(made.body())["usage"] == {"completion_tokens": 999}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["choices", "delta", "index", "id", "text", "tool_calls", "logprobs", "usage", "content", "message"]
    ), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.lists(JUNK, max_size=4))
def test_no_event_whatever_is_more_than_an_upstreams_error(events: list[Any]) -> None:
    made = CollectedChoices()
    try:
        for event in events:
            made.add(encode(msgspec.json.encode({"choices": [event]})) + encode(msgspec.json.encode(event)))
        msgspec.json.decode(made.body())
    except UpstreamError:
        pass

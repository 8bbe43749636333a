import msgspec
import pytest

from penstock.wire import anthropic_messages, openai_chat, openai_completions
from penstock.wire.counts import Usage
from penstock.wire.sse import encode
from penstock.wire.told import Told
from penstock.wire.told_dialects import KINDS
from tests.support.odd_events import odd_events

PIECES = ["Hel", "lo", ' "you"\n', "é"]
STREAMS = {
    "chat": list(openai_chat.stream("i", "m", 1, PIECES, Usage(1, 2))),
    "completions": list(openai_completions.stream("i", "m", 1, PIECES, Usage(1, 2))),
    "messages": list(anthropic_messages.stream("i", "m", PIECES, Usage(1, 2))),
}


def read(operation: str, frames: list[bytes]) -> Told:
    told = KINDS[operation]()
    for frame in frames:
        assert told.take(frame) or told.look(frame) == frame
    return told


@pytest.mark.parametrize("operation", sorted(STREAMS))
def test_a_stream_of_each_dialect_is_understood(operation: str) -> None:
    told = read(operation, STREAMS[operation])
    assert (told.text, told.tokens, told.id, told.model) == ("".join(PIECES), 4, "i", "m")
    assert told.finish
    assert told.done
    assert (told.stuck, told.trouble) == ("", None)


@pytest.mark.parametrize("operation", sorted(STREAMS))
def test_all_of_it_in_one_frame_tells_the_same(operation: str) -> None:
    told = read(operation, [b"".join(STREAMS[operation])])
    assert (told.text, told.tokens, told.done) == ("".join(PIECES), 4, True)


@pytest.mark.parametrize("operation", sorted(STREAMS))
def test_events_with_text_are_taken_without_a_second_look(operation: str) -> None:
    told = KINDS[operation]()
    taken = 0
    for frame in STREAMS[operation]:
        if told.take(frame):
            taken += 1
        else:
            told.look(frame)
    assert taken >= len(PIECES) - 1


@pytest.mark.parametrize("operation", sorted(STREAMS))
@pytest.mark.parametrize("space", [b"", b" "])
def test_a_stream_cut_anywhere_before_its_finish_has_none(operation: str, space: bytes) -> None:
    frames = [frame.replace(b'":', b'":' + space) for frame in STREAMS[operation]]
    told = read(operation, frames[:4])
    assert (told.finish, told.done) == ("", False)
    assert "".join(PIECES).startswith(told.text)


@pytest.mark.parametrize("word", ["tool_calls", "function_call", "refusal", "audio"])
def test_parts_of_a_chat_that_cannot_be_continued(word: str) -> None:
    delta = {word: [{"index": 0}] if word == "tool_calls" else "x"}
    told = read("chat", [encode(msgspec.json.encode({"model": "m", "choices": [{"index": 0, "delta": delta}]}))])
    assert word in told.stuck


@pytest.mark.parametrize(("operation", "part"), [("chat", {"delta": {"content": "x"}}), ("completions", {"text": "x"})])
def test_several_choices_cannot_be_continued(operation: str, part: dict[str, object]) -> None:
    told = read(operation, [encode(msgspec.json.encode({"model": "m", "choices": [{"index": 1, **part}]}))])
    assert "several" in told.stuck


@pytest.mark.parametrize(("operation", "part"), [("chat", {"delta": {"content": "x"}}), ("completions", {"text": "x"})])
def test_several_choices_are_whole_when_each_of_them_is(operation: str, part: dict[str, object]) -> None:
    def frame(index: int, finish: str | None) -> bytes:
        choice = {"index": index, **part, "finish_reason": finish}
        return encode(msgspec.json.encode({"model": "m", "choices": [choice]}))

    told = read(operation, [frame(0, None), frame(1, None), frame(0, "stop")])
    assert told.finish == ""
    told.look(frame(1, "length"))
    assert told.finish == "length"


def test_thoughts_are_no_text() -> None:
    delta = {"reasoning_content": "hm"}
    frame = encode(msgspec.json.encode({"model": "m", "choices": [{"index": 0, "delta": delta}]}))
    told = read("chat", [frame, frame])
    assert (told.text, told.tokens, told.thought) == ("", 0, True)


def test_blocks_of_messages_are_counted_and_a_tool_cannot_be_continued() -> None:
    told = read("messages", STREAMS["messages"][:4])
    assert (told.blocks, told.open_block) == (1, "text")
    start = {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t"}}
    told.look(encode(msgspec.json.encode(start), "content_block_start"))
    assert "tool_use" in told.stuck


@pytest.mark.parametrize("operation", sorted(STREAMS))
def test_no_event_whatever_stands_in_it_is_a_failure(operation: str) -> None:
    for event in odd_events():
        begun = KINDS[operation]()
        for told in (begun, KINDS[operation]()):
            assert told.look(event) in (event, b"")
            assert begun.take(event) in (True, False)

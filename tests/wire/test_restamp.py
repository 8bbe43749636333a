from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from penstock.wire import anthropic_messages, openai_chat
from penstock.wire.counts import Usage
from penstock.wire.restamp import ending, restamp_of
from penstock.wire.sse import DONE, encode, parse
from penstock.wire.told import Told
from penstock.wire.told_dialects import KINDS
from tests.support.odd_events import odd_events

STORY = b": story\n\n"


def told_by(operation: str, frames: list[bytes]) -> Told:
    told = KINDS[operation]()
    for frame in frames:
        if not told.take(frame):
            told.look(frame)
    return told


def restamped(told: Told, frames: list[bytes], trim: Callable[[str], str] = str, held: str = "") -> bytes:
    rest = iter([held])
    made = restamp_of(told)(told, trim, lambda: next(rest, ""), Usage(10, 4), STORY, 1)
    return b"".join(made.frame(frame) for frame in frames)


def events(data: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.data) for event in parse(data) if event.data != b"[DONE]"]


FIRST = list(openai_chat.stream("one", "m1", 1, ["Hel", "lo"]))[:3]
SECOND = list(openai_chat.stream("two", "m2", 2, [" wor", "ld"], Usage(5, 2)))


def test_names_are_those_of_the_first_and_the_role_is_not_given_twice() -> None:
    got = events(restamped(told_by("chat", FIRST), SECOND))
    assert {(event["id"], event["model"], event["created"]) for event in got} == {("one", "m1", 1)}
    assert [event["choices"][0]["delta"] for event in got[:-1]] == [{"content": " wor"}, {"content": "ld"}, {}]


def test_usage_is_a_sum_and_says_so() -> None:
    usage = events(restamped(told_by("chat", FIRST), SECOND))[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (15, 6, 21)
    assert usage["penstock_rescues"] == 1


def test_the_story_comes_before_the_end() -> None:
    assert restamped(told_by("chat", FIRST), SECOND).endswith(STORY + DONE)


def test_text_that_was_told_is_left_out_and_what_was_held_back_comes_before_the_finish() -> None:
    got = events(restamped(told_by("chat", FIRST), SECOND, lambda text: "", "ld"))
    assert [event["choices"][0]["delta"] for event in got[:-1]] == [{"content": "ld"}, {}]


def test_what_cannot_be_read_passes() -> None:
    odd = b"data: {no\n\n" + b'data: {"error":{"message":"x"}}\n\n' + b": c\n\n"
    assert restamped(told_by("chat", FIRST), [odd]) == odd


MESSAGES = list(anthropic_messages.stream("one", "m1", ["Hel", "lo"], Usage(3, 2)))[:5]
AGAIN = list(anthropic_messages.stream("two", "m2", [" wor", "ld"], Usage(5, 2)))


def test_an_open_block_of_messages_goes_on() -> None:
    got = events(restamped(told_by("messages", MESSAGES), AGAIN))
    assert [event["type"] for event in got] == [
        "ping", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert {event["index"] for event in got if "index" in event} == {0}
    assert got[-2]["usage"]["output_tokens"] == 6


def block(kind: str, index: int) -> list[bytes]:
    delta = {"type": "thinking_delta", "thinking": "hm"}
    return [
        _event(type="content_block_start", index=index, content_block={"type": kind}),
        _event(type="content_block_delta", index=index, delta=delta),
        _event(type="content_block_stop", index=index),
    ]


def _event(**fields: Any) -> bytes:
    return encode(msgspec.json.encode(fields), fields["type"])


def test_thoughts_of_the_second_are_left_out_and_its_blocks_numbered_on() -> None:
    second = [AGAIN[0], *block("thinking", 0), *block("tool_use", 1)]
    got = events(restamped(told_by("messages", MESSAGES), second))
    assert [(event["type"], event["index"]) for event in got] == [
        ("content_block_stop", 0), ("content_block_start", 1), ("content_block_delta", 1), ("content_block_stop", 1),
    ]  # fmt: skip


def test_an_open_thought_is_closed_before_the_next_block() -> None:
    first = [MESSAGES[0], *block("thinking", 0)[:2]]
    got = events(restamped(told_by("messages", first), AGAIN[:5]))
    told = [(event["type"], event.get("index")) for event in got if event["type"] != "ping"]
    assert told == [("content_block_stop", 0), ("content_block_start", 1), ("content_block_delta", 1),
                    ("content_block_delta", 1)]  # fmt: skip


def test_an_ending_is_one_in_its_dialect() -> None:
    told = told_by("chat", FIRST)
    told_by_end = told_by("chat", [*FIRST, ending(told, "length", STORY)])
    assert (told_by_end.finish, told_by_end.done) == ("length", True)
    messages = told_by("messages", [*MESSAGES, ending(told_by("messages", MESSAGES), "length", STORY)])
    assert (messages.finish, messages.done, messages.open_block) == ("max_tokens", True, "")


@pytest.mark.parametrize("operation", sorted(KINDS))
def test_no_event_whatever_stands_in_it_is_a_failure(operation: str) -> None:
    for event in odd_events():
        restamped(told_by(operation, []), [event, event])
        restamped(told_by(operation, [event]), [event])

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.sse import DONE
from penstock.wire.told import MOST_TEXT_BYTES
from penstock.wire.told_dialects import ChatTold


def chunk(text: str | None = None, **fields: object) -> bytes:
    delta = {} if text is None else {"content": text}
    body = {"id": "c", "model": "m", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    return b"data: " + msgspec.json.encode(body | fields) + b"\n\n"


FINISH = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


def told(*frames: bytes) -> ChatTold:
    made = ChatTold()
    for frame in frames:
        if not made.take(frame):
            made.look(frame)
    return made


def test_several_events_in_a_frame_are_each_read() -> None:
    made = told(chunk("a") + chunk("b"), chunk("c") + FINISH + DONE)
    assert (made.text, made.tokens, made.finish, made.done) == ("abc", 3, "stop", True)


def test_comments_pass_and_tell_nothing() -> None:
    made = ChatTold()
    assert made.look(b": keep-alive\n\n") == b": keep-alive\n\n"
    assert not made.began


@pytest.mark.parametrize(
    "odd", [b"data: garbage\n\n", b"data: [1]\n\n", b'data: {"id":"c","choi\n\n', b"data: \xff\n\n"]
)
def test_an_event_that_is_none_is_left_out_if_no_text_is_lost_with_it(odd: bytes) -> None:
    made = told(chunk("a"))
    assert made.look(odd + chunk("b")) == chunk("b")
    assert (made.trouble, made.text) == (None, "ab")


def test_an_event_that_was_torn_in_its_text_is_trouble() -> None:
    made = told(chunk("a"))
    assert made.look(chunk("b") + b'data: {"choices":[{"delta":{"content":"c\n\n' + chunk("d")) == chunk("b")
    assert made.trouble is not None
    assert made.text == "ab"


@pytest.mark.parametrize(
    "data", [b'{"error":{"message":"no"}}', b'{"object":"error","message":"no"}', b'{"type":"error","error":{}}']
)
def test_an_error_event_is_trouble_and_does_not_pass(data: bytes) -> None:
    made = told(chunk("a"))
    assert made.look(b"data: " + data + b"\n\n") == b""
    assert made.trouble is not None
    assert made.trouble.code == "upstream_error_event"


def test_after_the_finish_nothing_is_trouble_any_more() -> None:
    made = told(chunk("a"), FINISH)
    assert made.look(b'data: {"error":{"message":"no"}}\n\n') == b""
    assert made.trouble is None


def test_an_end_marker_before_the_finish_is_trouble() -> None:
    made = told(chunk("a"))
    made.look(DONE)
    assert made.trouble is not None
    assert not made.done


@pytest.mark.parametrize("delta", [{"tool_calls": [{"index": 0}]}, {"refusal": "no"}, {"reasoning_content": "hm"}])
def test_so_it_is_where_no_text_was_told_yet(delta: dict[str, object]) -> None:
    made = told(chunk(choices=[{"index": 0, "delta": delta, "finish_reason": None}]))
    made.look(DONE)
    assert made.trouble is not None


def test_usage_alone_tells_that_all_was_said() -> None:
    made = told(chunk("a"), chunk(choices=[], usage={"prompt_tokens": 1}), DONE)
    assert (made.done, made.trouble) == (True, None)


def test_a_text_past_its_bound_is_forgotten_but_still_counted() -> None:
    made = told(*[chunk("x" * 4096)] * (MOST_TEXT_BYTES // 4096 + 64))
    assert (made.full, made.text) == (True, "")
    assert made.tokens == MOST_TEXT_BYTES // 4096 + 64


@given(st.lists(st.text(max_size=8), min_size=1), st.sampled_from([",:", ", : "]), st.integers(1, 3))
def test_events_that_are_not_read_again_tell_what_reading_them_would(
    texts: list[str], separators: str, together: int
) -> None:
    """Whatever stands in the text: quotes, escapes, ends of events."""
    comma, colon = (", ", ": ") if " " in separators else (",", ":")
    frames = []
    for text in texts:
        body = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        data = json.dumps(body, separators=(comma, colon), ensure_ascii=False)
        frames.append(b"data: %b\n\n" % data.encode())
    made = told(*[b"".join(frames[at : at + together]) for at in range(0, len(frames), together)])
    assert made.text == "".join(texts)
    assert made.tokens == sum(map(bool, texts))


@pytest.mark.parametrize("inside", [b"a\\", b'a"b'])
def test_a_torn_event_that_is_like_the_others_around_its_text_is_trouble(inside: bytes) -> None:
    made = told(chunk("x"), chunk("y"))
    assert made.look(chunk("z").replace(b"z", inside)) == b""
    assert made.trouble is not None

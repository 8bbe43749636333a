from typing import Any

import pytest

from penstock.core.errors import Fail, UpstreamError
from penstock.routing.joint import END_SECONDS, Joint
from penstock.wire import openai_chat
from penstock.wire.sse import DONE
from penstock.wire.told_dialects import ChatTold
from tests.core.conformance import Timers, timers
from tests.support.numbered import Frames

FRAMES = list(openai_chat.stream("c", "m", 1, ["a", " b", " c"]))
TEXT, FINISH = FRAMES[:-2], FRAMES[-2]
CUT = UpstreamError("cut")


class Taker:
    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.ends: list[Fail | None] = []

    def push(self, frame: bytes) -> None:
        self.got.append(frame)

    def end(self, error: Fail | None) -> None:
        self.ends.append(error)


def joint(source: Frames, loop: Any) -> Joint:
    made = Joint(source, loop, ChatTold())
    made.open()
    return made


def taken(made: Joint) -> Taker:
    taker = Taker()
    made.start(taker)
    return taker


def test_it_waits_for_the_first_event_and_holds_no_more_than_one() -> None:
    with timers() as loop:
        source = Frames(FRAMES)
        made = joint(source, loop)
        assert made.arrived.done()
        assert len(source.frames) == len(FRAMES) - 1
        taker = taken(made)
    assert taker.got == FRAMES
    assert taker.ends == [None]


def test_comments_are_no_first_event() -> None:
    with timers() as loop:
        made = joint(Frames([b": processing\n\n"], ends=False), loop)
        assert not made.arrived.done()


@pytest.mark.parametrize("frames", [[], [b": c\n\n"], [b'data: {"error":{"message":"no"}}\n\n']])
def test_a_failure_before_the_first_event_is_told_to_the_room(frames: list[bytes]) -> None:
    with timers() as loop:
        made = joint(Frames(frames, CUT), loop)
        assert isinstance(made.arrived.result(), UpstreamError)


@pytest.mark.parametrize("error", [None, CUT])
def test_an_answer_that_lacks_only_its_end_marker_is_given_one(error: Fail | None) -> None:
    with timers() as loop:
        taker = taken(joint(Frames([*TEXT, FINISH], error), loop))
    assert taker.got == FRAMES
    assert taker.ends == [None]


def test_an_upstream_that_stands_open_after_the_finish_is_not_waited_for() -> None:
    with timers() as loop:
        source = Frames([*TEXT, FINISH], ends=False)
        taker = taken(joint(source, loop))
        assert taker.ends == []
        assert [timer.cancelled for timer in loop.waiting] == [False]
        loop.fire()
    assert taker.got[-1] == DONE
    assert taker.ends == [None]
    assert source.cancelled
    assert END_SECONDS <= 5


@pytest.mark.parametrize("error", [None, CUT])
def test_a_stream_that_ends_before_its_answer_is_a_failure(error: Fail | None) -> None:
    with timers() as loop:
        taker = taken(joint(Frames(TEXT, error), loop))
    assert taker.got == TEXT
    assert isinstance(taker.ends[0], UpstreamError)


def test_trouble_in_the_frame_of_the_first_event_waits_for_the_rescue() -> None:
    """Both may come in one read: nobody is there yet to be told."""
    with timers() as loop:
        source = Frames([TEXT[0] + TEXT[1] + b'data: {"error":{"message":"no"}}\n\n'])
        made = joint(source, loop)
        assert made.arrived.result() is None
        errors: list[Fail] = []

        async def rescue(error: Fail) -> None:
            errors.append(error)
            made.follow(Frames([FINISH, DONE]))

        made.rescue = rescue
        taker = taken(made)
    assert [error.code for error in errors] == ["upstream_error_event"]
    assert b"".join(taker.got) == TEXT[0] + TEXT[1] + FINISH + DONE
    assert taker.ends == [None]


def test_cancelled_while_a_rescue_is_under_way_it_says_nothing_more() -> None:
    with timers() as loop:
        made = joint(Frames(TEXT, CUT), loop)

        async def rescue(error: Fail) -> None:
            made.cancel("caller gone")
            made.follow(late)
            made.fail(error)

        late = Frames([FINISH, DONE])
        made.rescue = rescue
        taker = taken(made)
    assert taker.got == TEXT
    assert taker.ends == []
    assert late.cancelled


def test_the_timer_is_stopped_with_the_stream() -> None:
    loop: Timers
    with timers() as loop:
        taken(joint(Frames(FRAMES), loop))
        assert all(timer.cancelled for timer in loop.waiting)

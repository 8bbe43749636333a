import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from penstock.net.frames import CLOSE, PING, TOO_BIG, BrokenFrame, FrameWalk, closing_frame, control_frame
from tests.support.socket_caller import closing, frame

SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536])


@st.composite
def messages(draw: Any) -> list[bytes]:
    """The frames of some messages, with control frames between them and within."""
    frames: list[bytes] = []
    for _ in range(draw(st.integers(0, 4))):
        parts = draw(st.integers(1, 3))
        for part in range(parts):
            if draw(st.booleans()):
                frames.append(frame(draw(st.sampled_from([9, 10])), b"c" * draw(st.integers(0, 125))))
            frames.append(
                frame(0 if part else draw(st.sampled_from([1, 2])), b"p" * draw(SIZES), fin=part == parts - 1)
            )
    return frames


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(marks)]


@given(messages(), st.lists(st.integers(0, 10**6), max_size=8))
def test_what_is_allowed_passes_as_it_is_however_it_is_cut(frames: list[bytes], places: list[int]) -> None:
    data = b"".join(frames)
    ends = set(itertools.accumulate(map(len, frames), initial=0))
    walk = FrameWalk(masked=True)
    passed = 0
    for piece in cut(data, places):
        passed += len(out := walk.pass_on(piece))
        assert data[passed - len(out) : passed] == out
        assert (walk.left == 0) == (passed in ends)
        assert walk.left == min(end for end in ends if end >= passed) - passed
    assert passed == len(data)
    assert walk.spoke == any(first[0] & 0x0F < 8 for first in frames)
    assert not walk.closed


@given(messages(), st.binary(max_size=40), st.lists(st.integers(0, 10**6), max_size=8))
def test_nothing_passes_behind_a_goodbye(frames: list[bytes], behind: bytes, places: list[int]) -> None:
    data = b"".join([*frames, closing(1000, b"bye")])
    walk = FrameWalk(masked=True)
    assert b"".join(walk.pass_on(piece) for piece in cut(data + behind, places)) == data
    assert walk.closed
    assert walk.left == 0


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4), st.booleans())
def test_any_bytes_are_passed_or_refused_and_nothing_else(data: bytes, places: list[int], masked: bool) -> None:
    """And nothing of a head that is refused has passed before."""
    walk = FrameWalk(masked=masked, most=50)
    passed = b""
    try:
        for piece in cut(data, places):
            passed += walk.pass_on(piece)
    except BrokenFrame as broken:
        passed += broken.good
        assert walk.left == 0
    assert data.startswith(passed)


def walked(data: bytes, step: int) -> tuple[bytes, BrokenFrame | None]:
    """What passes of ``data`` in pieces of ``step`` bytes, and what stopped it."""
    walk = FrameWalk(masked=True)
    passed = b""
    try:
        for at in range(0, len(data), step):
            passed += walk.pass_on(data[at : at + step])
    except BrokenFrame as broken:
        return passed + broken.good, broken
    return passed, None


def test_a_head_is_held_back_until_it_is_whole() -> None:
    walk = FrameWalk(masked=False)
    data = frame(1, b"x" * 300, masked=False)
    assert [walk.pass_on(data[:1]), walk.pass_on(data[1:2]), walk.pass_on(data[2:3])] == [b"", b"", b""]
    assert walk.pass_on(data[3:10]) == data[:10]
    assert walk.left == 294
    assert repr(walk) == "<FrameWalk 294B to come>"
    assert walk.pass_on(data[10:]) == data[10:]
    assert repr(walk) == "<FrameWalk between frames>"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (frame(1, masked=False), "not masked"),
        (frame(1, reserved=4), "reserved bit"),
        (frame(3), "reserved opcode"),
        (frame(7), "reserved opcode"),
        (frame(11), "reserved opcode"),
        (frame(15), "reserved opcode"),
        (frame(0), "not begun"),
        (frame(1, fin=False) + frame(2), "within another"),
        (frame(9, fin=False), "in parts"),
        (frame(8, b"x" * 126), "over 125 bytes"),
        (b"\x81\xfe\x00\x7d", "shortest form"),
        (b"\x81\xff" + (65_535).to_bytes(8), "shortest form"),
        (b"\x81\xff" + (1 << 63).to_bytes(8), "shortest form"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_what_came_before_is_not(data: bytes, words: str) -> None:
    good = frame(1, b"good")
    for step in (1, 1000):
        passed, refused = walked(good + data, step)
        assert passed in (good, good + frame(1, fin=False))
        assert refused is not None
        assert words in refused.reason
        assert refused.code == 1002


def test_frames_of_a_server_are_not_masked() -> None:
    with pytest.raises(BrokenFrame, match="is masked"):
        FrameWalk(masked=False).pass_on(frame(1))


def test_a_message_is_bounded_over_all_its_parts() -> None:
    walk = FrameWalk(masked=True, most=10)
    for _ in range(3):
        walk.pass_on(frame(1, b"12345", fin=False) + frame(9, b"not counted") + frame(0, b"67890"))
    with pytest.raises(BrokenFrame) as refused:
        walk.pass_on(frame(1, b"12345", fin=False) + frame(0, b"678901"))
    assert refused.value.code == TOO_BIG
    assert refused.value.good == frame(1, b"12345", fin=False)


@given(st.binary(max_size=125), st.sampled_from([9, 10]), st.booleans())
def test_our_control_frames_are_read_by_others(payload: bytes, opcode: int, masked: bool) -> None:
    theirs = FrameProtocol(client=not masked, extensions=[])
    theirs.receive_bytes(control_frame(opcode, payload, masked=masked))
    (got,) = theirs.received_frames()
    assert (got.opcode, got.payload) == (opcode, payload)


@pytest.mark.parametrize("masked", [True, False])
def test_a_goodbye_is_cut_between_characters(masked: bool) -> None:
    theirs = FrameProtocol(client=not masked, extensions=[])
    theirs.receive_bytes(closing_frame(1011, "€" * 100, masked=masked))
    (got,) = theirs.received_frames()
    assert got.payload == (1011, "€" * 41)


def test_each_frame_has_a_mask_of_its_own() -> None:
    assert len({control_frame(PING, b"x" * 8, masked=True) for _ in range(8)}) == 8
    assert control_frame(CLOSE, masked=False) == b"\x88\x00"

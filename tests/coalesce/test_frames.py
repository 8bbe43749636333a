from hypothesis import given
from hypothesis import strategies as st

from penstock.coalesce.counts import Counts
from penstock.coalesce.frames import FRAME_BYTES, Frames
from penstock.coalesce.hold import Hold
from penstock.memory.ledger import BoundedAccount


def frames(*those: bytes, most: int = 1 << 20) -> Frames:
    made = Frames(Hold(BoundedAccount("buffers", 1 << 20), Counts(), 1 << 20), most)
    for frame in those:
        made.add(frame)
    return made


def test_many_readers_that_want_the_same_get_the_same_bytes() -> None:
    made = frames(b"a", b"b", b"c")
    first, at = made.after(0)
    again, _ = made.after(0)
    assert (first, at) == (b"abc", 3)
    assert first is again
    assert made.after(2) == (b"c", 3)
    made.add(b"d")
    assert made.after(0) == (b"abcd", 4)
    assert made.after(1) == (b"bcd", 4)


def test_what_waits_leaves_in_frames_of_some_size() -> None:
    piece = b"x" * 10_000
    made = frames(*[piece] * 9)
    at, sizes = 0, []
    while at < made.total:
        frame, at = made.after(at)
        sizes.append(len(frame))
    assert sum(sizes) == 90_000
    assert max(sizes) < FRAME_BYTES + 10_000
    assert len(sizes) == 3


def test_usage_is_withheld_once_for_all() -> None:
    told = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
    made = frames()
    assert made.without_usage(told) == b""
    assert made.without_usage(b"data: 1\n\n") == b"data: 1\n\n"
    both = told + b"data: 1\n\n"
    assert made.without_usage(both) is made.without_usage(both)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30), st.data())
def test_trimming_forgets_what_nobody_needs_and_counts_right(sizes: list[int], data: st.DataObject) -> None:
    made = frames(*[bytes([number % 250]) * size for number, size in enumerate(sizes)])
    position = data.draw(st.integers(0, len(sizes)))
    made.trim(position)
    made.trim(data.draw(st.integers(0, position)))
    assert (made.base, made.total, made.held) == (position, len(sizes), sum(sizes[position:]))
    if position < len(sizes):
        assert made.at(position)[0] == position % 250


def test_what_has_to_go_is_no_more_than_must() -> None:
    made = frames(b"x" * 100, b"x" * 100, b"x" * 100, most=220)
    assert not made.grow()
    assert made.needed_from() == 3
    made.held -= 100
    made._frames.pop()
    assert made.grow()
    assert (made.room, made.full, made.needed_from()) == (220, False, 0)
    made.clear()
    assert (made.room, made.held) == (0, 0)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.resume.numbered import events_of, is_comment, last_seen, numbered
from penstock.wire.sse import parse


def test_events_of_a_frame_whatever_its_line_ends() -> None:
    frame = b"data: a\n\n\n\nevent: x\r\ndata: b\r\n\r\n: note\n\ndata: c\r\r"
    assert list(events_of(frame)) == [b"data: a", b"event: x\r\ndata: b", b": note", b"data: c"]


@pytest.mark.parametrize(
    ("event", "is_one"), [(b": ping", True), (b":\n: b", True), (b": a\ndata: x", False), (b"data: :", False)]
)
def test_a_comment_says_nothing(event: bytes, is_one: bool) -> None:
    assert is_comment(event) is is_one


@given(st.binary(max_size=60).filter(lambda data: not set(data) & {10, 13}), st.integers(1, 10**9))
def test_a_number_changes_nothing_but_the_id(data: bytes, number: int) -> None:
    event = b"event: e\nid: of its own\ndata: " + data
    (got,) = parse(numbered(event, number))
    (plain,) = parse(event + b"\n\n")
    assert (got.event, got.data) == (plain.event, plain.data)
    assert got.id == str(number)


@pytest.mark.parametrize(
    ("value", "number"), [(None, 0), (b"", 0), (b" 7 ", 7), (b"0", 0), (b"123456789012", 123456789012)]
)
def test_where_a_reader_left_off(value: bytes | None, number: int) -> None:
    assert last_seen(value) == number


@pytest.mark.parametrize("value", [b"x", b"-1", b"1.5", b"1234567890123", "٣".encode()])
def test_an_id_that_is_none_of_ours_is_refused(value: bytes) -> None:
    with pytest.raises(CallerError) as refused:
        last_seen(value)
    assert refused.value.status == 400

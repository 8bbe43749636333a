import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.varint import read_varint, varint


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_a_number_is_read_as_it_was_written_wherever_it_stands(number: int, before: bytes, after: bytes) -> None:
    written = varint(number)
    assert read_varint(before + written + after, len(before)) == (number, len(before) + len(written))


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (-1, b"\xff" * 9 + b"\1")],
)
def test_examples(number: int, written: bytes) -> None:
    assert varint(number) == written


@pytest.mark.parametrize(("data", "says"), [(b"", "cut short"), (b"\x80" * 9, "cut short"), (b"\x80" * 10, "not end")])
def test_what_does_not_end_is_none(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_varint(data, 0)

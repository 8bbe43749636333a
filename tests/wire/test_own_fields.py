import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.wire.own_fields import within

FIELD = b"x-penstock-deadline-ms"


def test_a_call_without_the_field_may_last_as_long_as_any() -> None:
    assert within([(b"accept", b"*/*")], 600.0) == 600.0


@given(milliseconds=st.integers(1, 999_999_999), most=st.floats(0.1, 1e6))
def test_it_shortens_the_time_and_never_lengthens_it(milliseconds: int, most: float) -> None:
    seconds = within([(FIELD, str(milliseconds).encode())], most)
    assert seconds == min(most, milliseconds / 1000)


@pytest.mark.parametrize("value", [b"", b"0", b"-5", b"1.5", b"1e3", b"soon", b"9999999999", "٣".encode()])
def test_what_is_no_number_of_milliseconds_is_refused(value: bytes) -> None:
    with pytest.raises(CallerError, match="milliseconds") as caught:
        within([(FIELD, value)], 600.0)
    assert caught.value.param == "x-penstock-deadline-ms"

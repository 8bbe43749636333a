import pytest

from penstock.core.errors import CallerError
from penstock.core.priority import BATCH, HIGH, LOW, NAMES, NORMAL, parse


def test_the_classes_stand_in_their_order() -> None:
    assert [NAMES[number] for number in (HIGH, NORMAL, LOW, BATCH)] == ["high", "normal", "low", "batch"]


@pytest.mark.parametrize(
    ("value", "number"), [(b"high", HIGH), (b" Normal ", NORMAL), (b"LOW", LOW), (b"batch", BATCH)]
)
def test_a_field_names_one(value: bytes, number: int) -> None:
    assert parse(value) == number


@pytest.mark.parametrize("value", [b"", b"urgent", b"0", b"\xff" * 99])
def test_another_word_is_refused_with_those_that_exist(value: bytes) -> None:
    with pytest.raises(CallerError, match="one of high, normal, low, batch") as caught:
        parse(value)
    assert (caught.value.status, caught.value.param) == (400, "x-penstock-priority")
    assert len(caught.value.message) < 200

"""Only what is a vector becomes one; the kept form is near it."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from penstock.cache.embedding.vectors import checked, pack, unpack, whole

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@given(arrays.arrays(np.float32, 24, elements=NUMBERS))
def test_it_is_of_length_one_and_of_the_same_direction(values: np.ndarray) -> None:
    vector = checked(values, 24)
    if not values.any():
        assert vector is None
        return
    assert vector is not None
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)
    exact = values.astype(np.float64)
    assert float(vector @ (exact / np.linalg.norm(exact))) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 7])
def test_one_number_that_is_none_spoils_it(bad: float, place: int) -> None:
    values = [1.0] * 8
    values[place] = bad
    assert checked(values, 8) is None


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0] * 9, [[1.0] * 8], ["x"] * 8, None, [None] * 8, [1e400] * 8, [10**400] * 8]
)
def test_what_is_of_another_shape_is_none(values: list[float]) -> None:
    assert checked(values, 8) is None


def test_it_cannot_be_written_to() -> None:
    vector = checked([1.0, 2.0], 2)
    assert vector is not None
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 5


@given(arrays.arrays(np.float32, 384, elements=st.floats(-1, 1, width=32)))
def test_the_kept_form_is_one_byte_a_dimension_and_near(values: np.ndarray) -> None:
    vector = checked(values, 384)
    assume(vector is not None)
    assert vector is not None
    data = pack(vector)
    assert len(data) == 384
    again = unpack(data, 384)
    assert again is not None
    assert float(again @ vector) > 0.99
    assert pack(again) == data


def test_of_usual_vectors_cosines_are_off_by_less_than_two_thousandths() -> None:
    generator = np.random.default_rng(4)
    some = generator.standard_normal((200, 384)).astype(np.float32)
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    kept = np.array([unpack(pack(vector), 384) for vector in some])
    assert np.abs(some @ some.T - some @ kept.T).max() < 0.002


@pytest.mark.parametrize("data", [b"", bytes(384), bytes(383), b"\x01" * 385])
def test_a_damaged_kept_form_is_none(data: bytes) -> None:
    assert unpack(data, 384) is None


def test_the_largest_number_uses_the_whole_range() -> None:
    vector = checked([0.1, -0.5, 0.25], 3)
    assert vector is not None
    assert whole(vector).tolist() == [25, -127, 64]

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sketch import ACCURACY, LEAST, LOWEST, Sketch, count, merge, put, put_many, quantile, value_of

values = st.lists(st.floats(2e-6, 1e7), min_size=1, max_size=60)


def sketch_of(*numbers: float) -> Sketch:
    sketch: Sketch = {}
    for number in numbers:
        put(sketch, number)
    return sketch


@given(values, st.floats(0, 1))
def test_a_quantile_is_within_two_percent(numbers: list[float], share: float) -> None:
    told = quantile(sketch_of(*numbers), share)
    true = sorted(numbers)[math.floor(share * (len(numbers) - 1))]
    assert told == pytest.approx(true, rel=ACCURACY + 1e-9)


@given(values, values)
def test_merged_is_as_if_all_had_been_put_in_one(some: list[float], others: list[float]) -> None:
    merged = sketch_of(*some)
    merge(merged, sketch_of(*others))
    assert merged == sketch_of(*some, *others)
    other_way = sketch_of(*others)
    merge(other_way, sketch_of(*some))
    assert other_way == merged


@given(values)
def test_many_at_once_are_as_one_by_one(numbers: list[float]) -> None:
    sketch: Sketch = {}
    put_many(sketch, numbers)
    assert sketch == sketch_of(*numbers)
    assert count(sketch) == len(numbers)


def test_nothing_and_almost_nothing_are_in_one_bin() -> None:
    sketch = sketch_of(0.0, -1.0, LEAST / 2)
    put_many(sketch, [0.0, LEAST])
    assert sketch == {LOWEST: 5}
    assert quantile(sketch, 0.5) == 0.0


def test_counted_several_times() -> None:
    sketch: Sketch = {}
    put(sketch, 1.0, 3)
    put(sketch, 100.0)
    assert (count(sketch), quantile(sketch, 0.5)) == (4, pytest.approx(1.0, rel=ACCURACY + 1e-9))
    assert quantile(sketch, 1) == pytest.approx(100.0, rel=ACCURACY + 1e-9)


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_is_from_nought_to_one(share: float) -> None:
    with pytest.raises(ValueError, match="is no share"):
        quantile({0: 1}, share)


def test_what_stands_for_a_bin_lies_in_it() -> None:
    for number in (0.001, 1.0, 3.7, 1e6):
        (at,) = sketch_of(number)
        assert value_of(at) == pytest.approx(number, rel=ACCURACY + 1e-9)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.forecast.past import Past


def filled(values: list[float | None], step: float = 600.0, zeros: str = "real") -> Past:
    past = Past(step, 12, zeros)
    for value in values:
        past.add(past.measured(value), -1.0)
    return past


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
def test_what_was_added_last_is_there_in_order(values: list[float]) -> None:
    past = filled(list(values))
    assert past.values.tolist() == values
    assert past.count == len(values)


def test_the_oldest_go_when_it_is_full() -> None:
    past = Past(86_400.0, 2, "real")  # a day a step: 7 + 1 + 2 values
    for value in range(100):
        past.add(float(value), 0.0)
    assert past.values.tolist() == [float(value) for value in range(90, 100)]


def test_a_gap_is_filled_with_what_was_forecast_and_teaches_no_profile() -> None:
    past = Past(600.0, 6)
    past.add(5.0, 0.0)
    past.add(None, 7.0)
    assert past.values.tolist() == [5.0, 7.0]
    assert math.isnan(past.profiles[0, 1])
    assert past.profiles[0, 0] == 5.0


def test_a_profile_leans_to_the_newest_day() -> None:
    past = Past(43_200.0, 2, "real")
    for value in (10.0, 50.0, 20.0, 50.0):
        past.add(value, 0.0)
    assert past.profiles[:, 0].tolist() == pytest.approx([13.5, 11.2])
    assert past.profiles[:, 1].tolist() == [50.0, 50.0]


def test_a_rare_zero_is_a_gap_until_it_lasts() -> None:
    past = filled([100.0] * 144, zeros="gaps")
    taken = []
    for _ in range(40):
        taken.append(past.measured(0.0))
        past.add(taken[-1], 100.0)
    assert taken[:36] == [None] * 36
    assert taken[37:] == [0.0] * 3, "six hours of silence are silence"


def test_zeros_that_are_usual_are_real() -> None:
    past = Past(600.0, 6)
    taken = []
    for at in range(400):
        value = past.measured(0.0 if at % 3 else 50.0)
        taken.append(value)
        past.add(value, 50.0)
    assert None not in taken[300:]


@pytest.mark.parametrize("value", [-1.0, math.inf])
def test_what_is_no_load_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no load"):
        Past(600.0, 6).measured(value)


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="step"):
        Past(0.0, 6)


def test_it_goes_on_from_its_state() -> None:
    past = filled([float(value) for value in range(30)])
    again = Past(600.0, 12, "real")
    again.restore(past.state())
    for one in (past, again):
        one.add(99.0, 0.0)
    assert np.array_equal(past.values, again.values)
    assert np.array_equal(past.profiles, again.profiles, equal_nan=True)
    assert past.slot == again.slot

"""How many there are, and how close they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.crowd import LONGEST_GAP, Crowd


def test_one_caller_is_a_crowd_of_one() -> None:
    crowd = Crowd()
    for number in range(10):
        crowd.came(number * 0.02, 0)
    assert crowd.size == 1.0


def test_a_crowd_is_known_at_once_and_forgotten_in_time() -> None:
    crowd = Crowd()
    for number in range(64):
        crowd.came(1 + number * 0.0001, number)
    assert crowd.size == 64
    for number in range(100):
        crowd.came(2 + number * 0.02, 0)
    assert crowd.size == pytest.approx(1.0, abs=0.01)
    assert crowd.gap == pytest.approx(0.02, rel=0.2)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 1000)), min_size=1, max_size=50))
def test_bounds(calls: list[tuple[float, int]]) -> None:
    crowd, now = Crowd(), 0.0
    for gap, others in calls:
        now += gap
        crowd.came(now, others)
        assert 0 <= crowd.gap <= LONGEST_GAP
        assert 1 <= crowd.size <= 1 + max(other for _, other in calls)

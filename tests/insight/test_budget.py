import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sketch import Sketch, above, put
from penstock.insight.budget import Budget, Counted

DAY = 86_400.0


def test_a_budget_is_spent_by_what_is_bad() -> None:
    budget = Budget(0.999, 30 * DAY)
    assert budget.left(0.0) == 1.0
    budget.add(0.0, 10_000, 5)
    assert budget.left(10.0) == pytest.approx(0.5)
    budget.add(10.0, 0, 15)
    assert budget.left(20.0) == pytest.approx(-1.0)
    assert budget.burn(20.0, 300) == pytest.approx(2.0)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    budget = Budget(0.9, DAY)
    budget.add(0.0, 100, 100)
    budget.add(DAY + 3600.0, 100, 0)
    assert budget.left(DAY + 3610.0) == 1.0


def test_the_last_minutes_and_the_last_days() -> None:
    budget = Budget(0.99, 30 * DAY)
    for hour in range(100):
        budget.add(hour * 3600.0, 60, 1 if hour < 50 else 0)
    now = 99 * 3600.0 + 60
    assert budget.counted(now, 300.0) == Counted(60, 0)
    assert budget.counted(now, 2 * 3600.0).total == 120
    assert budget.counted(now, 3 * DAY).total == 73 * 60  # by whole hours
    assert budget.counted(now, 30 * DAY) == Counted(6000, 50)


@given(st.lists(st.tuples(st.floats(0, 600), st.integers(0, 50)), max_size=300))
def test_it_stays_small_and_counts_each_once(steps: list[tuple[float, int]]) -> None:
    budget, at, total = Budget(0.9, 90 * DAY), 1e9, 0
    for step, number in steps:
        at += step
        budget.add(at, number, number // 2)
        total += number
    assert budget.counted(at + 10, 90 * DAY).total == total
    assert len(budget._minutes.bins) <= 362
    assert len(budget._hours.bins) <= 90 * 24 + 1


def test_of_nothing_nothing_is_bad() -> None:
    assert Counted(0, 0).share == 0.0
    assert "0.9 over 1 d" in repr(Budget(0.9, DAY))


@pytest.mark.parametrize(("limit", "over"), [(0.5, 2), (1.0, 1), (10.0, 0), (0.0, 4)])
def test_how_many_of_a_sketch_are_over_a_limit(limit: float, over: int) -> None:
    sketch: Sketch = {}
    for value in (0.1, 0.3, 1.0, 5.0):
        put(sketch, value)
    assert above(sketch, limit) == over  # those that share its bin are not

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.insight.nab import FALSE, learning, score

WINDOWS = [(400, 499), (700, 799)]


def test_silence_is_nothing_and_the_beginnings_of_all_windows_are_everything() -> None:
    assert score(1000, WINDOWS, []).normal == 0.0
    assert score(1000, WINDOWS, [400, 700]).normal == pytest.approx(100.0)


def test_the_earliest_in_a_window_counts_and_no_other() -> None:
    assert score(1000, WINDOWS, [420, 460, 499, 700]) == score(1000, WINDOWS, [420, 700])
    early, late = score(1000, WINDOWS, [420]), score(1000, WINDOWS, [480])
    assert early.points > late.points


def test_at_the_end_of_a_window_it_is_worth_next_to_nothing() -> None:
    last = score(1000, [(400, 499)], [499]).points
    assert last == pytest.approx((2 / (1 + math.exp(-0.05)) - 1) / (2 / (1 + math.exp(-5)) - 1))


def test_a_false_one_costs_the_more_the_further_it_is_behind_a_window() -> None:
    costs = [score(2500, [(400, 499)], [400, at]).points for at in (500, 520, 560, 1000, 2000)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(1.0 - FALSE)
    assert score(1000, WINDOWS, [300]).points == pytest.approx(-2.0 - FALSE)


def test_what_is_said_while_learning_does_not_count() -> None:
    assert learning(1000) == 150
    assert learning(10**6) == 750
    assert score(1000, WINDOWS, [0, 149]) == score(1000, WINDOWS, [])
    assert score(1000, WINDOWS, [150]).points < score(1000, WINDOWS, []).points


def test_without_windows_there_is_no_normal_score() -> None:
    nothing = score(1000, [], [500])
    assert nothing.normal is None
    assert nothing.points == -FALSE


@given(detections=st.lists(st.integers(0, 999), unique=True))
def test_it_is_never_above_perfect(detections: list[int]) -> None:
    found = score(1000, WINDOWS, detections)
    assert found.points <= found.best + 1e-9

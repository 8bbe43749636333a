import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.line import Line

POINTS = st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 100)), max_size=80)


def test_before_any_point_it_is_what_it_was_given() -> None:
    line = Line(0.05, 0.001)
    assert (line.at(0), line.at(100), line.weight) == (0.05, pytest.approx(0.15), 0.0)


def test_it_finds_a_line_through_noise() -> None:
    rng, line = random.Random(1), Line(1.0, 1.0)
    for _ in range(300):
        x = rng.uniform(0, 5000)
        line.learn(x, (0.1 + x / 8000) * rng.uniform(0.9, 1.1))
    assert line.slope == pytest.approx(1 / 8000, rel=0.1)
    assert line.at(2500) == pytest.approx(0.1 + 2500 / 8000, rel=0.05)


def test_points_that_are_all_alike_move_the_base_and_keep_the_slope() -> None:
    line = Line(0.1, 0.001)
    for _ in range(300):
        line.learn(100, 0.5)
    assert line.at(100) == pytest.approx(0.5)
    assert line.slope == pytest.approx(0.001, rel=0.3)


def test_a_change_is_followed() -> None:
    line = Line(0.1, 0.0)
    for speed in (1.0, 3.0):
        for number in range(200):
            line.learn(number % 20, speed * (1 + number % 20))
    assert line.at(10) == pytest.approx(33, rel=0.05)


@given(POINTS)
def test_it_never_promises_less_than_nothing(points: list[tuple[float, float]]) -> None:
    line = Line(0.05, 0.001)
    for x, y in points:
        line.learn(x, y)
        assert line.base >= 0
        assert line.slope >= 0
    assert line.weight <= 50.0 + 1e-9

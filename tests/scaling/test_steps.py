import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.steps import LEAST, MOST, Steps


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        (0, 0),
        (29.9, 0),
        (30, 2),
        (49, 2),
        (50, 5),
        (69, 5),
        (70, 10),
        (89, 10),
        (90, 20),
        (1e9, 20),
        (float("inf"), 20),
    ],
)
def test_the_bands_of_the_specification(metric: float, change: int) -> None:
    assert Steps().change(metric) == change


def test_between_two_changes_there_are_three_minutes() -> None:
    steps = Steps()
    assert steps.wanted(60, 0.0, 20) == 25
    assert steps.wanted(95, 179.0, 25) == 25
    assert steps.wanted(95, 180.0, 25) == 45
    assert steps.wanted(10, 400.0, 45) == 45, "a low metric changes nothing"
    assert steps.wanted(35, 401.0, 45) == 47, "and begins no pause"


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 500)), max_size=60))
def test_it_never_leaves_its_bounds(rounds: list[tuple[float, float]]) -> None:
    steps, now, current = Steps(), 0.0, LEAST
    for metric, pause in rounds:
        now += pause
        current = steps.wanted(metric, now, current)
        assert LEAST <= current <= MOST


def test_what_stands_outside_the_bounds_is_brought_back_at_once() -> None:
    assert Steps(least=3, most=5).wanted(10, 0.0, 1) == 3
    assert Steps(least=3, most=5).wanted(10, 0.0, 9) == 5


@pytest.mark.parametrize("bands", [[], [(50.0, 1)], [(50.0, 1), (50.0, 2), (float("inf"), 3)]])
def test_bands_that_are_none(bands: list[tuple[float, int]]) -> None:
    with pytest.raises(ValueError, match="bands"):
        Steps(bands)


def test_bounds_that_hold_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Steps(least=5, most=3)

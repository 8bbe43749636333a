import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.capacity import Terms, recommend, required
from penstock.scaling.forecast.prediction import Interval, Prediction


def predicted(*uppers: float) -> Prediction:
    intervals = [Interval(60.0 * (at + 1), upper * 0.9, upper * 0.5, upper, 0.7) for at, upper in enumerate(uppers)]
    return Prediction(0.0, 60.0 * len(uppers), 0.7, intervals)


def plan(*uppers: float, current: int = 10, starts: float = 0.0, **terms: float) -> list[tuple[float, str, int]]:
    made = recommend(predicted(*uppers), current, Terms(10.0, starts, **terms))  # type: ignore[arg-type]
    return [(one.at, one.action, one.capacity) for one in made.adjustments]


@pytest.mark.parametrize(("load", "replicas"), [(0, 1), (9, 1), (9.1, 2), (100, 11), (1e9, 1000)])
def test_a_tenth_more_rounded_up_within_the_bounds(load: float, replicas: int) -> None:
    assert required(load, Terms(10.0)) == replicas


def test_it_grows_when_more_is_needed_and_shrinks_only_when_much_less_is() -> None:
    assert plan(100.0) == [(60.0, "scale_up", 11)]
    assert plan(75.0) == [], "9 of 10 are needed"
    assert plan(72.0) == [], "8 of 10 are four fifths"
    assert plan(63.0) == [(60.0, "scale_down", 7)]


def test_each_step_starts_from_the_one_before() -> None:
    assert plan(100.0, 100.0, 200.0) == [(60.0, "scale_up", 11), (180.0, "scale_up", 22)]


def test_growth_begins_as_early_as_a_start_takes() -> None:
    assert plan(90.0, 90.0, 90.0, 200.0, starts=120.0) == [(120.0, "scale_up", 22)]
    made = recommend(predicted(200.0), 10, Terms(10.0, 300.0))
    assert made.adjustments[0].at == 0.0
    assert "it comes late" in made.adjustments[0].reason


def test_what_could_not_be_back_in_time_stays() -> None:
    assert plan(20.0, 90.0, starts=120.0) == []
    assert plan(20.0, 20.0, 20.0, 20.0, starts=120.0) == [(60.0, "scale_down", 3)]


def test_money_and_reasons_are_told() -> None:
    made = recommend(predicted(200.0), 10, Terms(10.0, price=2.5))
    (one,) = made.adjustments
    assert one.cost == pytest.approx(12 * 2.5)
    assert "load of 180 expected, at most 200; 10 carry 100" in one.reason
    assert made.capacity == 10


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=30), st.integers(1, 400), st.floats(0, 600))
def test_what_stands_is_enough_for_what_is_predicted(uppers: list[float], current: int, starts: float) -> None:
    terms = Terms(10.0, starts, least=1, most=1000)
    made = recommend(predicted(*uppers), current, terms)
    standing = current
    for at, upper in enumerate(uppers):
        for one in made.adjustments:
            if one.ready == 60.0 * (at + 1):
                standing = one.capacity
        assert standing >= required(upper, terms)


@pytest.mark.parametrize("wrong", [{"carries": 0.0}, {"carries": 1.0, "least": 5, "most": 2}])
def test_terms_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nothing"):
        Terms(**wrong)  # type: ignore[arg-type]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.forecast.experts import NAMES, opinions, slope
from penstock.scaling.forecast.past import Past
from tests.scaling.forecast.series import made


def said(values: list[float], horizons: list[int], step: float = 600.0) -> dict[str, list[float]]:
    past = Past(step, max(horizons), "real")
    for value in values:
        past.add(value, 0.0)
    told = opinions(past, np.array(horizons, float))
    return {name: told[:, at].tolist() for at, name in enumerate(NAMES)}


def test_at_first_only_those_speak_who_need_nothing() -> None:
    told = said([5.0], [1, 6])
    assert told["last"] == [5.0, 5.0]
    assert told["drift"] == [5.0, 5.0]
    assert np.isnan(told["yesterday"]).all()
    assert np.isnan(told["document"]).all()


def test_yesterday_and_the_week_before_are_looked_up() -> None:
    day = [float(value) for value in range(4)]
    told = said([*day, *(10 + value for value in day), 20.0], [1, 3], step=21_600.0)
    assert told["yesterday"] == [11.0, 13.0]
    assert np.isnan(told["week ago"]).all()
    told = said([float(value) for value in range(30)], [1], step=21_600.0)
    assert told["week ago"] == [2.0]


def test_a_day_that_is_twice_as_busy_doubles_what_yesterday_says() -> None:
    day = made("daily", days=1).tolist()
    told = said([*day, *(2 * value for value in day[:72])], [6])
    assert told["yesterday in ratio"][0] == pytest.approx(2 * day[77])


def test_drift_goes_on_but_not_for_ever() -> None:
    told = said([float(value) for value in range(0, 100, 10)], [1, 12, 100])
    assert told["drift"] == [pytest.approx(95.0), pytest.approx(150.0), pytest.approx(150.0)]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 5])
def test_few_values_have_no_slope(values: list[float]) -> None:
    assert slope(np.array(values)) == 0.0


def test_the_documents_rule_on_a_flat_day_is_that_day() -> None:
    assert said([50.0] * 200, [1, 6])["document"] == pytest.approx([50.0, 50.0])


def test_the_documents_rule_weighs_day_week_and_trend() -> None:
    day = [10.0, 30.0]
    told = said([*day * 7], [1, 2], step=43_200.0)
    base = sum((day * 7)[-10:]) / 10
    trend = slope(np.array(day * 7)) / base
    wanted = [base * (0.4 * 10 / 20 + 0.3 * 10 / 20 + 0.3 * (1 + trend)),
              base * (0.4 * 30 / 20 + 0.3 * 30 / 20 + 0.3 * (1 + 2 * trend))]  # fmt: skip
    assert told["document"] == pytest.approx(wanted)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=400))
def test_no_opinion_is_below_nothing_or_endless(values: list[float]) -> None:
    past = Past(3600.0, 6, "real")
    for value in values:
        past.add(value, 0.0)
    told = opinions(past, np.array([1.0, 6.0]))
    spoken = told[~np.isnan(told)]
    assert (spoken >= 0).all()
    assert np.isfinite(spoken).all()

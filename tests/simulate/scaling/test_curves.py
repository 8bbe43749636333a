import pytest

from penstock.simulate.scaling.contest import Point
from penstock.simulate.scaling.curves import best_reactive, front, hours_at, saving
from penstock.simulate.scaling.pool import Tally


def point(policy: str, hours: float, violations: float) -> Point:
    return Point(policy, 0.0, Tally(paid=hours * 3600, calls=1e6, late=violations * 1e6))


HPA = [point("hpa", 10.0, 0.1), point("hpa", 20.0, 0.001), point("hpa", 25.0, 0.002)]
KPA = [point("kpa", 15.0, 0.05), point("kpa", 18.0, 0.0001)]
OURS = [point("forecast", 9.0, 0.1), point("forecast", 12.0, 0.001)]


def test_a_setting_that_another_beats_is_not_on_the_front() -> None:
    assert [one.hours for one in front(HPA)] == [10.0, 20.0]


def test_between_settings_hours_lie_on_a_line_over_the_logarithm() -> None:
    assert hours_at(HPA, 0.01) == pytest.approx(15.0)
    assert hours_at(HPA, 0.5) == 10.0
    assert hours_at(HPA, 0.0005) is None


def test_saving_is_against_the_best_reactive_one_at_that_level() -> None:
    everybody = [*HPA, *KPA, *OURS]
    assert best_reactive(everybody, 0.1) == ("hpa", pytest.approx(10.0))
    assert best_reactive(everybody, 0.001)[0] == "kpa"  # type: ignore[index]
    assert saving(everybody, 0.1) == pytest.approx(0.1)
    assert saving(everybody, 1e-5) is None
    assert best_reactive(OURS, 0.1) is None

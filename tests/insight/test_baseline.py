import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.insight.baseline import LEARNED, SLOT, Profile, Series, unlikely

WEEK = 7 * 86_400.0


def learned(how: str, a: float, b: float, windows: int = 200) -> Series:
    series = Series(how, 1)  # type: ignore[arg-type]
    for window in range(windows):
        series.learn(window * 10.0, a, b)
    return series


def test_nothing_is_known_before_there_are_windows_and_calls_enough() -> None:
    assert learned("ratio", 500.0, 10.0, LEARNED - 1).judge(500.0, 10.0, 0) is None
    assert learned("ratio", 50.0, 0.1, LEARNED).judge(500.0, 10.0, 0) is None
    assert learned("ratio", 500.0, 10.0, LEARNED).level == pytest.approx(50.0)


def test_windows_without_calls_teach_nothing() -> None:
    series = learned("log", -10.0, 10.0)
    for window in range(5000):
        series.learn(window, 0.0, 0.0)
    assert series.level == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("how", "usual", "now", "actual", "expected", "change"),
    [
        ("log", (math.log(0.2) * 10, 10.0), (math.log(0.4) * 20, 20.0), 0.4, 0.2, math.log(2)),
        ("ratio", (1000.0, 10.0), (6000.0, 20.0), 300.0, 100.0, math.log(3)),
        ("share", (5.0, 10.0), (2.0, 20.0), 0.1, 0.5, -0.4),
        ("count", (30.0, 1.0), (480.0, 4.0), 120.0, 30.0, math.log(4)),
    ],
)
def test_a_change_is_told_in_the_measures_own_terms(
    how: str, usual: tuple[float, float], now: tuple[float, float], actual: float, expected: float, change: float
) -> None:
    verdict = learned(how, *usual).judge(*now, 0)
    assert verdict is not None
    assert verdict.actual == pytest.approx(actual)
    assert verdict.expected == pytest.approx(expected, rel=0.01)
    assert verdict.change == pytest.approx(change, rel=0.02)
    assert verdict.off * change > 0


def test_a_series_that_always_jumps_makes_jumps_usual() -> None:
    draw = random.Random(1)
    calm, wild = learned("ratio", 100.0, 10.0), learned("ratio", 100.0, 10.0)
    for _ in range(2000):
        for series, sigma in ((calm, 0.1), (wild, 1.0)):
            series.spread(0, series.off(100.0 * draw.lognormvariate(0, sigma), 10.0, 0))
    one, other = calm.judge(200.0, 10.0, 0), wild.judge(200.0, 10.0, 0)
    assert one is not None
    assert other is not None
    assert one.off > 4 > 2 > other.off > 0
    assert calm.scale(0) > 4 * wild.scale(0)


def test_what_is_usual_follows_and_may_be_given_up() -> None:
    series = learned("ratio", 100.0, 10.0, 2000)
    series.forget()
    for window in range(60):
        series.learn(window, 300.0, 10.0)
    assert series.level == pytest.approx(30.0, rel=0.1)


@given(share=st.floats(0.001, 0.999), of=st.integers(1, 200), data=st.data())
def test_the_odds_of_a_share_never_pass_what_is_possible(share: float, of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    off = unlikely(hits, of, share)
    assert math.isfinite(off)
    if hits < of and off >= 0:
        assert unlikely(hits + 1, of, share) >= off - 0.5


def test_three_failures_of_four_calls_are_rarer_than_one_of_one() -> None:
    assert 1.0 < unlikely(1, 1, 0.01) < 3.0 < unlikely(3, 4, 0.01)
    assert unlikely(0, 10, 0.01) > -1.0


def test_a_week_by_quarters_of_an_hour() -> None:
    profile = Profile()
    assert profile.usual(0.0) == []
    time = 0.0
    while time < WEEK + SLOT:
        night = (time % 86_400) < 7200
        profile.put(time, 100.0 if night else 10.0, 1.0)
        time += 300
    found = profile.usual(WEEK + 2 * SLOT)
    assert len(found) == 2
    assert all(value > 50 for value in found)
    one_day = Profile()
    for step in range(288):
        one_day.put(step * 300.0, 5.0, 1.0)
    assert one_day.usual(86_400.0) == []


def test_one_odd_day_is_no_habit_and_gaps_are_not_values() -> None:
    profile = Profile()
    for step in range(3 * 288):
        odd = 288 <= step < 576
        profile.put(step * 300.0, 1e6 if odd else 10.0, 1.0)
    assert profile.usual(3 * 86_400.0) == [10.0]
    profile.put(30 * 86_400.0, 1.0, 1.0)
    assert profile.usual(30 * 86_400.0) == []


def test_it_goes_on_after_a_restart_and_takes_nothing_else() -> None:
    series = Series("share", 1, has_profile=True)
    for window in range(400):
        series.learn(window * 10.0, 5.0, 10.0)
        series.spread(0, 2.0)
    again = Series("share", 1, has_profile=True)
    again.load(series.dump())
    assert again.judge(9.0, 10.0, 0) == series.judge(9.0, 10.0, 0)
    assert "share" in repr(again)
    with pytest.raises(ValueError, match="share"):
        Series("log", 1).load(series.dump())
    with pytest.raises(ValueError, match="slots"):
        Profile().load([1, 0.0, 0.0, b"1234"])

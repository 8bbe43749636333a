import math

import pytest

from penstock.insight.season import Season

HOUR = 3600.0


def days(season: Season, count: int, level: float = 0.0) -> None:
    for slot in range(count * 24):
        season.put(slot, level + slot % 24)


def test_what_was_usual_at_this_hour() -> None:
    season = Season(HOUR)
    days(season, 3)
    assert season.expected(72 + 5) == 5.0


def test_before_two_days_are_known_nothing_is_usual() -> None:
    season = Season(HOUR)
    days(season, 2)
    assert season.expected(47) is None
    assert season.expected(48) is not None


def test_one_odd_day_does_not_make_a_habit() -> None:
    season = Season(HOUR)
    days(season, 3)
    season.put(48 + 5, 1e6)
    assert season.expected(72 + 5) == 5.0


def test_what_is_missing_is_not_taken_for_a_value() -> None:
    season = Season(HOUR)
    days(season, 2)
    season.skip(48, 96)
    assert season.expected(96 + 5) is not None  # yesterday and the day before are missing, the third is not
    season.skip(96, 10_000_000)
    assert season.expected(10_000_000 + 5) is None


def test_it_is_believed_only_where_it_is_nearer() -> None:
    season = Season(HOUR)
    assert season.judge(10.0, 10.1, 5.0)
    assert not Season(HOUR).judge(10.0, 5.0, 10.1)
    assert not Season(HOUR).judge(10.0, 9.0, 11.0)


@pytest.mark.parametrize("step", [0.5, 86_400.0, 30 * 86_400.0])
def test_without_a_fitting_step_there_are_no_days(step: float) -> None:
    season = Season(step)
    season.put(3, 1.0)
    season.skip(4, 8)
    assert season.period == 0
    assert season.expected(100) is None
    assert not math.isnan(season.period)

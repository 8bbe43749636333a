import datetime
import random

import pytest

from penstock.cost.forecast import DAY, Forecast, forecast


def day(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text + "T00:00+00:00").timestamp())


def test_fewer_than_three_whole_days_say_nothing() -> None:
    now = day("2026-11-10") + 3600.0
    assert forecast({}, now) == "A forecast needs 3 whole days of spending; there are 0 so far."
    days = {day("2026-11-08"): 5, day("2026-11-09"): 5}
    assert forecast(days, now) == "A forecast needs 3 whole days of spending; there is 1 so far."
    assert isinstance(forecast(days | {day("2026-11-06"): 5}, now), Forecast)
    assert isinstance(forecast({day("2026-11-20"): 5}, now), str), "days to come are none"


def test_even_days_go_on() -> None:
    days = {day("2026-10-20") + number * DAY: 1_000_000 for number in range(21)}
    told = forecast(days, day("2026-11-10"))
    assert isinstance(told, Forecast)
    assert (told.month, told.spent) == ("2026-11", 9_000_000)
    assert told.expected == pytest.approx(30_000_000, rel=0.01)
    assert told.low < told.expected < told.high


def test_what_is_spent_is_never_taken_back() -> None:
    days = {day("2026-11-01") + number * DAY: 100 for number in range(28)} | {day("2026-11-29"): 10**9}
    told = forecast(days, day("2026-11-30") - 1.0)
    assert isinstance(told, Forecast)
    assert told.spent == 28 * 100 + 10**9
    assert told.spent <= told.low <= told.expected <= told.high


def test_weekends_are_told_apart_once_two_weeks_are_known() -> None:
    days = {}
    for number in range(42):
        at = day("2026-09-21") + number * DAY  # a Monday
        days[at] = 100_000 if (at // DAY + 3) % 7 >= 5 else 1_000_000
    told = forecast(days, day("2026-11-02"))
    assert isinstance(told, Forecast)
    weekends, weekdays = told.weekdays[5:], told.weekdays[:5]
    assert max(weekends) < 0.5 * min(weekdays)
    true = sum(
        100_000 if (at // DAY + 3) % 7 >= 5 else 1_000_000 for at in range(day("2026-11-02"), day("2026-12-01"), DAY)
    )
    assert told.expected == pytest.approx(true, rel=0.12)


def test_the_bounds_hold_about_nine_times_of_ten() -> None:
    """Months of noisy days with weekends, their level unknown: how often the whole month lies within."""
    rng = random.Random(5)
    held = 0
    for _ in range(300):
        level, noise = 10 ** rng.uniform(3, 8), rng.uniform(0.05, 0.5)
        costs = {
            at: round(level * (0.4 if (at // DAY + 3) % 7 >= 5 else 1.0) * max(0.0, rng.gauss(1.0, noise)))
            for at in range(day("2026-09-15"), day("2026-12-01"), DAY)
        }
        now = day("2026-11-01") + rng.randrange(3, 26) * DAY
        told = forecast({at: cost for at, cost in costs.items() if at < now}, now)
        assert isinstance(told, Forecast)
        held += told.low <= sum(cost for at, cost in costs.items() if at >= day("2026-11-01")) <= told.high
    assert 0.8 <= held / 300 <= 0.99, held


def test_days_without_a_call_count_as_days() -> None:
    days = {day("2026-11-01"): 10, day("2026-11-02"): 9_000_000, day("2026-11-12"): 0}
    told = forecast(days, day("2026-11-13"))
    assert isinstance(told, Forecast)
    assert told.days == 11
    assert told.low == told.spent


def test_a_month_that_costs_nothing_is_forecast_as_that() -> None:
    days = {day("2026-11-01") + number * DAY: 0 for number in range(20)}
    told = forecast(days, day("2026-11-21"))
    assert isinstance(told, Forecast)
    assert (told.expected, told.low, told.high) == (0, 0, 0)

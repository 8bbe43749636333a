import random

import pytest

from penstock.insight.evaluate import evaluate, usual_step

STEP = 300.0


def series(count: int = 3000) -> tuple[list[float], list[float]]:
    draw = random.Random(5)
    values = [draw.gauss(100, 5) for _ in range(count)]
    values[2000:2010] = [200.0] * 10
    return [1_700_000_000 + number * STEP for number in range(count)], values


def test_a_marked_fault_is_found() -> None:
    times, values = series()
    report = evaluate(times, values, [(times[1950], times[2050])])
    assert (report.found, report.recall) == (1, 1.0)
    assert report.delays == [50 * STEP]
    assert report.score.normal is not None
    assert report.score.normal > 50
    assert report.precision is not None
    assert report.false == len(report.alarms) - round(report.precision * len(report.alarms))


def test_what_nobody_has_marked_is_a_false_alarm() -> None:
    times, values = series()
    report = evaluate(times, values, [])
    assert report.false == len(report.alarms) >= 1
    assert (report.recall, report.score.normal) == (None, None)
    assert report.false_a_day == report.false / report.days


def test_a_window_without_values_is_missed_by_nobody() -> None:
    times, values = series()
    report = evaluate(times, values, [(1.0, 2.0), (times[1950], times[2050])])
    assert report.score.best == 1.0
    assert report.recall == 0.5


def test_steps_that_vary_are_borne_and_time_that_goes_back_is_not() -> None:
    assert usual_step([0, 300, 600, 901, 5000]) == 300.5
    with pytest.raises(ValueError, match="value 3 is older"):
        usual_step([0, 10, 5])
    with pytest.raises(ValueError, match="same time"):
        usual_step([7, 7, 7])
    with pytest.raises(ValueError, match="10 at least"):
        evaluate([0.0], [1.0], [])

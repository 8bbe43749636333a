import random

import pytest

from penstock.insight.alarms import CALM_FOR, HIGHEST, LOWEST, REST, Alarm, Alarms
from penstock.insight.detector import Detector, Reading

STEP = 300.0


def reading(score: float) -> Reading:
    return Reading(score, "value", 10.0)


def play(alarms: Alarms, scores: list[float]) -> list[Alarm]:
    found = [alarms.take(number * STEP, 30.0, reading(score)) for number, score in enumerate(scores)]
    return [alarm for alarm in found if alarm is not None]


def test_one_opens_at_the_bar_and_closes_when_it_has_been_calm() -> None:
    alarms = Alarms(STEP)
    (alarm,) = play(alarms, [0.0, 3.0, 4.9, 3.0] + [0.0] * (CALM_FOR - 1))
    assert alarms.open is alarm
    alarms.take(1e6, 1.0, reading(0.0))
    assert alarms.open is None
    assert (alarm.start, alarm.end) == (STEP, 3 * STEP)
    assert (alarm.score, alarm.severity, alarm.deviation) == (4.9, "high", 2.0)


def test_a_series_that_has_gone_mad_is_told_once() -> None:
    assert len(play(Alarms(STEP), [9.0] * 1000)) == 1


def test_soon_after_one_there_is_no_other_and_later_the_bar_is_higher_for_a_while() -> None:
    burst = [3.2] + [0.0] * CALM_FOR
    assert len(play(Alarms(STEP), burst + burst)) == 1
    alarms = Alarms(STEP)
    before = alarms.bar
    assert len(play(alarms, burst + [0.0] * REST + burst)) == 1
    assert alarms.bar > before + 0.5
    assert len(play(Alarms(STEP), burst + [0.0] * 3000 + burst)) == 2


@pytest.mark.parametrize(("step", "bar"), [(3600.0, LOWEST), (300.0, LOWEST), (10.0, 4.2), (1.0, 5.2), (0.01, HIGHEST)])
def test_the_bar_follows_how_many_values_a_day_there_are(step: float, bar: float) -> None:
    assert Alarms(step).bar == pytest.approx(bar, abs=0.05)


def test_no_false_alarms_at_all_cannot_be_promised() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Alarms(STEP, 0.0)


def test_false_alarms_keep_to_what_is_stated() -> None:
    """Thirty series of eleven days of noise that is as it always was: no more a day than are borne."""
    false, days = 0, 0.0
    for seed in range(30):
        draw = random.Random(seed)
        detector, alarms = Detector(STEP), Alarms(STEP)
        for number in range(3200):
            value = draw.lognormvariate(0, 0.5)
            found = detector.see(number * STEP, value)
            assert found is not None
            false += alarms.take(number * STEP, value, found) is not None and number > 600
        days += 2600 * STEP / 86_400
    assert false / days <= 0.5

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.series import MOST_GAPS, Series, Step, Steps


def forecaster() -> Forecaster:
    return Forecaster(60.0, (1, 2), zeros="real")


def caught_up(series: Series) -> Series:
    while series.catch_up():
        pass
    return series


def values(series: Series) -> list[float]:
    return [float(value) for value in series.forecaster._past.values]


def test_windows_become_steps_at_multiples_of_the_step() -> None:
    steps = Steps(60.0)
    ended = [step for at in range(120, 240, 10) for step in steps.add(at, 10.0, {"a": 30.0})]
    assert ended == [Step(120.0, 60.0, {"a": 180.0}), Step(180.0, 60.0, {"a": 180.0})]
    assert ended[0].rate("a", 60.0) == 3.0
    assert ended[0].rate("b", 60.0) == 0.0, "what was looked at and had nothing is a zero"


def test_a_window_may_be_a_step() -> None:
    steps = Steps(10.0)
    assert steps.add(120, 10.0, {"a": 30.0}) == [Step(120.0, 10.0, {"a": 30.0})]
    assert steps.add(150, 10.0, {}) == [Step(150.0, 10.0, {})], "what was not seen in between is no step"


def test_a_step_of_which_little_was_seen_has_no_value_and_half_of_it_will_do() -> None:
    steps = Steps(60.0)
    steps.add(160, 10.0, {"a": 5.0})
    steps.add(170, 4.0, {"a": 5.0})
    (first,) = steps.add(180, 10.0, {"a": 10.0})
    assert first.rate("a", 60.0) is None
    steps.add(190, 10.0, {"a": 10.0})
    steps.add(200, 10.0, {"a": 10.0})
    (second,) = steps.add(400, 10.0, {})
    assert second.rate("a", 60.0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0.5, 10), st.integers(0, 100)), max_size=30))
def test_nothing_is_lost_or_counted_twice_while_time_goes_on(windows: list[tuple[int, float, int]]) -> None:
    steps, ended = Steps(60.0), []
    given = sorted({at: (seconds, amount) for at, seconds, amount in windows}.items())
    for at, (seconds, amount) in given:
        ended += steps.add(at * 10.0, seconds, {"a": float(amount)})
    ended += steps.add(1e6, 1.0, {})
    assert sum(step.amounts.get("a", 0.0) for step in ended) == sum(amount for _, (_, amount) in given)
    assert [step.start for step in ended] == sorted({step.start for step in ended})


def test_a_clock_that_is_put_back_says_nothing() -> None:
    steps = Steps(60.0)
    steps.add(600, 10.0, {"a": 1.0})
    assert steps.add(300, 10.0, {"a": 1.0}) == []


def test_steps_that_were_missed_are_gaps() -> None:
    series = Series(forecaster())
    for start, value in ((0.0, 5.0), (60.0, 5.0), (240.0, 7.0)):
        assert series.offer(start, value)
    assert not series.speaks
    caught_up(series)
    assert series.speaks
    assert (series.forecaster.count, series.gaps, series.last) == (5, 2, 7.0)
    assert len(values(series)) == 5
    assert series.offer(240.0, 9.0), "told twice"
    assert not series.is_behind


def test_it_begins_with_something_and_gives_up_what_is_too_old() -> None:
    series = Series(forecaster())
    assert series.offer(0.0, None)
    assert series.newest is None
    assert series.offer(60.0, 1.0)
    assert not series.offer(60.0 * (MOST_GAPS + 3), 1.0)


def test_what_is_restored_goes_on_after_a_gap_and_learns_what_came_meanwhile() -> None:
    before = Series(forecaster())
    for step in range(30):
        before.offer(step * 60.0, 10.0)
    caught_up(before)
    state = before.forecaster.dump()
    after = Series(forecaster())
    after.offer(33 * 60.0, 20.0)
    after.offer(34 * 60.0, 21.0)
    assert after.restore(29 * 60.0, 4, state, forecaster)
    caught_up(after)
    assert (after.forecaster.count, after.gaps, after.last) == (35, 7, 21.0)
    assert values(after)[29:30] == [10.0]
    assert values(after)[-2:] == [20.0, 21.0]
    assert after.forecaster.forecast(60.0) > 0


def test_what_both_know_is_not_learned_twice() -> None:
    before = Series(forecaster())
    for step in range(30):
        before.offer(step * 60.0, 10.0)
    caught_up(before)
    after = Series(forecaster())
    after.offer(28 * 60.0, 10.0)
    after.offer(29 * 60.0, 10.0)
    after.offer(30 * 60.0, 12.0)
    assert after.restore(29 * 60.0, 0, before.forecaster.dump(), forecaster)
    caught_up(after)
    assert after.forecaster.count == 31
    assert values(after)[-1] == 12.0


def test_state_that_cannot_be_read_or_is_too_old_changes_nothing() -> None:
    after = Series(forecaster())
    after.offer(60.0 * (MOST_GAPS + 100), 10.0)
    other = Forecaster(10.0, (1,))
    for state, newest in (
        (b"nonsense", 0.0),
        (other.dump(), 0.0),
        (caught_up(Series(forecaster())).forecaster.dump(), 0.0),
    ):
        assert not after.restore(newest, 0, state, forecaster)
    caught_up(after)
    assert after.forecaster.count == 1


@pytest.mark.parametrize("newest", [61 * 60.0, 1e15, math.inf, math.nan])
def test_state_of_a_moment_that_has_not_come_is_refused(newest: float) -> None:
    """Until that moment nothing would be learned."""
    before = Series(forecaster())
    for step in range(30):
        before.offer(step * 60.0, 10.0)
    caught_up(before)
    after = Series(forecaster())
    after.offer(60 * 60.0, 10.0)
    assert not after.restore(newest, 0, before.forecaster.dump(), forecaster)
    assert after.restore(29 * 60.0, 0, before.forecaster.dump(), forecaster)

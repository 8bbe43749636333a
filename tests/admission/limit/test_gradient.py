import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.admission.limit.gradient import Gradient
from penstock.admission.limit.limit import Outcome
from tests.support.limited_engine import Trial


@pytest.mark.parametrize("seats", [8, 16, 64])
def test_settles_near_the_knee_and_keeps_the_engine_busy(seats: int) -> None:
    capacity = seats / 1.1
    trial = Trial(Gradient(4, 1, 1000), rate=lambda now: 3 * capacity, seats=seats).run(100.0)
    assert 0.95 * seats <= trial.mean_limit(30, 100) <= 1.2 * seats + 1
    assert trial.throughput(30, 100) >= 0.93 * capacity


def test_starts_far_above_and_comes_down() -> None:
    trial = Trial(Gradient(64, 1, 1000), rate=lambda now: 60.0, seats=16).run(150.0)
    assert trial.mean_limit(100, 150) <= 24


def test_prompts_of_all_lengths_where_told_what_they_should_take() -> None:
    trial = Trial(
        Gradient(4, 1, 1000), rate=lambda now: 150.0, seats=64, prefill=(0.05, 0.8), expected=True
    ).run(120.0)  # fmt: skip
    assert 0.9 * 64 <= trial.mean_limit(60, 120) <= 1.2 * 64


def test_whole_answers_that_tell_no_first_token() -> None:
    trial = Trial(Gradient(16, 1, 1000), rate=lambda now: 200.0, seats=64, streams=False).run(150.0)
    assert 0.9 * 64 <= trial.mean_limit(80, 150) <= 1.5 * 64
    assert trial.throughput(80, 150) >= 0.93 * 64 / 1.1


def test_follows_a_change_of_capacity_down_and_up() -> None:
    trial = Trial(Gradient(4, 1, 1000), rate=lambda now: 200.0, seats=64).run(200.0, {60.0: 16, 130.0: 64})
    assert trial.mean_limit(40, 60) >= 0.95 * 64
    assert trial.mean_limit(90, 130) <= 1.3 * 16
    assert trial.mean_limit(170, 200) >= 0.95 * 64


def test_bursts_do_not_bring_it_down() -> None:
    trial = Trial(Gradient(4, 1, 1000), rate=lambda now: 300.0 if now % 20 < 2 else 20.0, seats=32).run(200.0)
    assert 0.8 * 32 <= trial.mean_limit(40, 200) <= 2 * 32


def test_does_not_grow_while_it_is_not_used() -> None:
    limit = Gradient(64, 1, 1000)
    Trial(limit, rate=lambda now: 10.0, seats=1000).run(60.0)
    assert limit.limit <= 64


def test_an_upstream_that_refuses_makes_it_fall_once_a_round() -> None:
    limit = Gradient(100, 1, 1000)
    limit.begin(100, 5.0)
    limit.done(5.0, 0.5, None, "overload")
    limit.done(5.1, 1.0, None, "overload")  # sent before it fell
    assert limit.limit == 80
    limit.done(6.0, 0.5, None, "overload")
    assert limit.limit == 64


def test_who_leaves_without_an_answer_tells_of_an_upstream_that_serves_nobody() -> None:
    limit = Gradient(64, 1, 1000)
    for number in range(20):
        limit.begin(64, number / 10)
        limit.done(number / 10 + 0.1, 0.1, None, "ok")
    before = limit.limit
    for number in range(200):
        limit.begin(before, 10.0 + number / 10)
        limit.done(40.0 + number / 10, 5.0 + number / 100, None, "ok" if number == 0 else "left")
    assert limit.limit < before


@settings(max_examples=60, deadline=None)
@given(
    least=st.integers(-2, 20),
    more=st.integers(0, 200),
    initial=st.integers(-5, 400),
    calls=st.lists(
        st.tuples(
            st.integers(1, 500),
            st.floats(0.0, 2.0),
            st.floats(0.0, 100.0),
            st.none() | st.floats(0.0, 100.0),
            st.sampled_from(["ok", "overload", "error", "left"]),
            st.floats(0.0, 5.0),
        ),
        max_size=200,
    ),
)
def test_never_leaves_its_bounds(
    least: int,
    more: int,
    initial: int,
    calls: list[tuple[int, float, float, float | None, Outcome, float]],
) -> None:
    limit = Gradient(initial, least, least + more)
    now = 0.0
    for in_flight, pause, took, first, outcome, expected in calls:
        now += pause
        limit.begin(in_flight, now)
        if first is not None:
            limit.first(now, first, expected)
        limit.done(now, took, first, outcome)
        assert max(1, least) <= limit.limit <= max(1, least, least + more)

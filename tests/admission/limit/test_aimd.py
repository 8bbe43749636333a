import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.admission.limit.aimd import Aimd
from penstock.admission.limit.limit import Outcome
from tests.support.limited_engine import Trial


@pytest.mark.parametrize("seats", [16, 32])
def test_settles_near_the_knee_by_its_goal(seats: int) -> None:
    trial = Trial(Aimd(8, 1, 1000, goal=0.25), rate=lambda now: 3 * seats, seats=seats).run(120.0)
    assert 0.95 * seats <= trial.mean_limit(60, 120) <= 1.25 * seats
    assert trial.throughput(60, 120) >= 0.93 * seats / 1.1


def test_settles_below_what_an_upstream_refuses() -> None:
    trial = Trial(Aimd(8, 1, 1000, goal=None), rate=lambda now: 100.0, seats=32, refuses=32).run(120.0)
    assert 0.75 * 32 <= trial.mean_limit(60, 120) <= 33
    assert trial.throughput(60, 120) >= 0.8 * 32 / 1.1


def test_recovers_when_the_upstream_does() -> None:
    trial = Trial(Aimd(8, 1, 1000, goal=0.25), rate=lambda now: 100.0, seats=32).run(250.0, {60.0: 8, 140.0: 32})
    assert trial.mean_limit(110, 140) <= 14
    assert trial.mean_limit(210, 250) >= 0.95 * 32


def test_does_not_grow_while_it_is_not_used() -> None:
    limit = Aimd(20, 1, 1000, goal=1.0)
    for number in range(1000):
        limit.begin(9, number)
        limit.done(number + 0.5, 0.5, 0.1, "ok")
    assert limit.limit == 20
    for number in range(1000):
        limit.begin(10, number)
        limit.done(number + 0.5, 0.5, 0.1, "ok")
    assert limit.limit > 20


def test_falls_once_for_all_that_were_sent_before() -> None:
    limit = Aimd(100, 1, 1000, goal=None)
    for _ in range(20):
        limit.done(10.0, 1.0, None, "overload")
    assert limit.limit == 75


@given(
    st.lists(
        st.tuples(st.integers(1, 300), st.floats(0.0, 3.0), st.sampled_from(["ok", "overload", "error", "left"])),
        max_size=100,
    )
)
def test_never_leaves_its_bounds(calls: list[tuple[int, float, Outcome]]) -> None:
    limit = Aimd(500, 3, 50, goal=0.5)
    for number, (in_flight, took, outcome) in enumerate(calls):
        limit.begin(in_flight, float(number))
        limit.done(float(number), took, took / 2, outcome)
        assert 3 <= limit.limit <= 50

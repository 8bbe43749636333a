"""When a batch leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.config import BatchingConfig
from penstock.batching.costs import Costs
from penstock.batching.crowd import Crowd
from penstock.batching.scheduling import SPARE, Waiting, leaves_at
from penstock.batching.terms import AllTerms, Terms
from penstock.core.priority import BATCH, HIGH, NORMAL

NOW = 100.0
LATE = NOW + 600


def terms(**settings: object) -> Terms:
    return AllTerms(BatchingConfig(**{"max_wait": 0.03, **settings})).of("embeddings", "m")  # type: ignore[arg-type]


def known(*, one_by_one: bool = True, fixed: float = 0.02, each: float = 0.0005) -> Costs:
    costs = Costs()
    for items in (1, 8, 64) * 10:
        costs.end(costs.send(0.0, items), fixed + each * items, well=True)
    for _ in range(30):
        first, second = costs.send(0.0, 1), costs.send(0.0, 1)
        costs.end(first, fixed + each, well=True)
        costs.end(second, (fixed + each) * (2 if one_by_one else 1), well=True)
    return costs


def crowd(size: float = 1.0, gap: float = 0.0001) -> Crowd:
    made = Crowd()
    made.size, made.gap = size, gap
    return made


def waiting(
    callers: int = 1, flying: int = 0, priority: int = NORMAL, since: float = NOW, deadline: float = LATE
) -> Waiting:
    return Waiting(callers, flying, callers, since, NOW, deadline, priority)


def test_nobody_to_wait_for_is_not_waited_for() -> None:
    assert leaves_at(waiting(), terms(), known(), crowd(), 0.5, NOW) == NOW


def test_while_the_upstream_is_busy_waiting_costs_nothing() -> None:
    costs = known()
    costs.send(NOW, 1)
    assert leaves_at(waiting(3, flying=1), terms(), costs, crowd(4), 0.5, NOW) == pytest.approx(NOW + 0.03)


@pytest.mark.parametrize(("load", "wait"), [(0.9, 0.01), (0.7, 0.015), (0.5, 0.03), (0.1, 0.06)])
def test_the_longest_wait_follows_the_load(load: float, wait: float) -> None:
    costs = known()
    costs.send(NOW, 1)
    assert leaves_at(waiting(3), terms(), costs, crowd(4), load, NOW) == pytest.approx(NOW + wait)


def test_the_highest_class_leaves_at_once_and_the_lowest_waits() -> None:
    costs = known()
    costs.send(NOW, 1)
    assert leaves_at(waiting(priority=HIGH), terms(min_items=9), costs, crowd(9), 0.0, NOW) == NOW
    assert leaves_at(waiting(priority=BATCH), terms(), costs, crowd(9), 0.0, NOW) > NOW


def test_a_deadline_comes_first() -> None:
    costs = known()
    costs.send(NOW, 1)
    deadline = NOW + 0.05
    at = leaves_at(waiting(2, deadline=deadline), terms(), costs, crowd(9), 0.0, NOW)
    assert at == pytest.approx(deadline - SPARE * costs.takes(2))
    assert leaves_at(waiting(2, deadline=NOW + 0.02), terms(), costs, crowd(9), 0.0, NOW) == NOW


def test_who_was_here_just_now_is_waited_for_a_moment() -> None:
    at = leaves_at(waiting(4), terms(), known(), crowd(64, gap=0.0002), 0.5, NOW)
    assert NOW < at <= NOW + 4 * 0.0002 + 1e-9
    assert leaves_at(waiting(64), terms(), known(), crowd(64, gap=0.0002), 0.5, NOW) == NOW  # all are here
    assert leaves_at(waiting(4, flying=60), terms(), known(), crowd(64, gap=0.0002), 0.5, NOW) == NOW
    assert leaves_at(waiting(4), terms(), known(), crowd(64, gap=0.01), 0.5, NOW) == NOW  # they come too slowly


def test_upstreams_with_room_for_all_are_not_waited_for() -> None:
    costs = known(one_by_one=False)
    costs.send(NOW, 1)
    assert leaves_at(waiting(3, flying=1), terms(), costs, crowd(64, gap=0.001), 0.5, NOW) == NOW


def test_what_is_computed_item_by_item_is_not_held() -> None:
    costs = known(fixed=0.0, each=0.01)
    costs.send(NOW, 1)
    assert leaves_at(waiting(3), terms(), costs, crowd(64), 0.5, NOW) == NOW


def test_a_smallest_size_is_waited_for_whoever_comes() -> None:
    assert leaves_at(waiting(3), terms(min_items=4), known(), crowd(), 0.5, NOW) == pytest.approx(NOW + 0.03)
    assert leaves_at(waiting(4), terms(min_items=4), known(), crowd(), 0.5, NOW) == NOW


@given(
    st.builds(
        Waiting, st.integers(1, 64), st.integers(0, 64), st.integers(1, 100), st.floats(NOW - 1, NOW),
        st.just(NOW), st.floats(NOW - 1, LATE), st.integers(0, 3),
    ),
    st.floats(1, 100), st.floats(0, 1), st.floats(0, 3), st.booleans(), st.integers(0, 3),
)  # fmt: skip
def test_never_in_the_past_and_never_beyond_the_bound(
    batch: Waiting, size: float, gap: float, load: float, one_by_one: bool, flying: int
) -> None:
    costs, rules = known(one_by_one=one_by_one), terms()
    for _ in range(flying):
        costs.send(NOW, 1)
    at = leaves_at(batch, rules, costs, crowd(size, gap), load, NOW)
    assert at >= NOW
    assert at == NOW or at <= min(batch.since + rules.wait_at(load), batch.deadline)

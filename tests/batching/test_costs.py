"""What is learned of upstreams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batching.costs import MOST_MODELS, PROBE, UNFIT_SECONDS, AllCosts, Costs

FIXED, EACH = 0.02, 0.0005


def alone(costs: Costs, items: int, seconds: float, at: float = 0.0) -> None:
    costs.end(costs.send(at, items), at + seconds, well=True)


def test_base_and_slope_are_learned_from_calls_that_were_alone() -> None:
    costs = Costs()
    for _ in range(20):
        for items in (1, 8, 64):
            alone(costs, items, FIXED + EACH * items)
    assert costs.takes(32) == pytest.approx(FIXED + EACH * 32, rel=0.05)
    assert costs.pays()


def test_what_is_computed_item_by_item_is_not_worth_a_wait() -> None:
    costs = Costs()
    for _ in range(20):
        for items in (1, 4, 16):
            alone(costs, items, 0.01 * items)
    assert not costs.pays()
    assert costs.saving < 0.002


def learned(servers: int, together: int = 2, rounds: int = 30) -> Costs:
    """Of upstreams that serve so many calls at once, one after another each, asked ``together`` at a time."""
    costs = Costs()
    for _ in range(5):
        alone(costs, 1, FIXED)
    for _ in range(rounds):
        calls = [costs.send(0.0, 1) for _ in range(together)]
        for at, sent in enumerate(calls):
            costs.end(sent, FIXED * (1 + at // servers), well=True)
    return costs


def test_upstreams_that_serve_one_after_another_are_told_from_others() -> None:
    queue, room = learned(1), learned(2)
    assert queue.share == pytest.approx(1.0, abs=0.02)
    assert queue.saving == pytest.approx(queue.line.base, rel=0.02)
    assert room.share < 0.01
    assert not queue.would_wait(1, 0.0)  # nothing is there now
    for costs, waits in ((queue, True), (room, False)):
        costs.send(0.0, 1)
        assert costs.would_wait(1, 0.0) is waits


def test_now_and_then_one_is_sent_to_see_whether_it_is_still_so() -> None:
    costs = Costs()
    costs.send(0.0, 1)
    assert costs.would_wait(1, 0.0)  # of one whose time is not known nothing could be seen
    costs = learned(1)
    for _ in range(PROBE):
        costs.end(costs.send(0.0, 1), FIXED, well=True)
    sent = costs.send(0.0, 1)
    assert not costs.would_wait(1, 0.0)
    beside = costs.send(0.0, 1)
    costs.end(sent, FIXED, well=True)
    costs.end(beside, 2 * FIXED, well=True)
    costs.send(0.0, 1)
    assert costs.would_wait(1, 0.0)


def test_several_servers_are_busy_when_there_are_calls_for_all() -> None:
    costs = learned(3, together=30)
    assert 0.2 < costs.share < 0.5
    sent = [costs.send(0.0, 1)]
    assert not costs.would_wait(1, 0.0)
    sent += [costs.send(0.0, 1) for _ in range(9)]
    assert costs.would_wait(1, 0.0)
    for one in sent:
        costs.end(one, 1.0, well=False)
    assert costs.backlog(0.0) == 0.0


def test_of_larger_calls_than_were_seen_nothing_is_concluded() -> None:
    costs = learned(1)
    before = costs.share
    first, second, third = costs.send(0.0, 1), costs.send(0.0, 60), costs.send(0.0, 1)
    costs.end(first, FIXED, well=True)
    costs.end(second, FIXED, well=True)  # less than a guess at the slope would have said
    costs.end(third, FIXED, well=True)  # and of what comes behind it no more
    assert costs.share == before


def test_failures_and_calls_beside_others_say_nothing_of_the_time_alone() -> None:
    costs = Costs()
    alone(costs, 1, FIXED)
    before = (costs.line.base, costs.line.weight)
    costs.end(costs.send(0.0, 1), 9.0, well=False)
    first = costs.send(0.0, 1)
    costs.end(costs.send(0.0, 1), 9.0, well=True)
    costs.end(first, 9.0, well=False)
    assert (costs.line.base, costs.line.weight) == before
    assert costs.in_flight == 0


def test_who_waits_is_told_of_each_end() -> None:
    costs = Costs()
    told: list[int] = []
    costs.waiting[lambda: told.append(costs.in_flight)] = None
    sent = costs.send(0.0, 1)
    assert told == []
    costs.end(sent, 1.0, well=False)
    assert told == [0]


@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 100), st.integers(0, 12)), max_size=40))
def test_nothing_that_is_learned_is_below_zero(calls: list[tuple[int, float, int]]) -> None:
    costs = Costs()
    for items, seconds, beside in calls:
        others = [costs.send(0.0, 1) for _ in range(beside)]
        alone(costs, items, seconds)
        for other in others:
            costs.end(other, seconds, well=True)
    assert costs.in_flight == 0
    assert costs.saving >= 0
    assert 0 <= costs.share <= 1
    assert costs.takes(10) >= 0
    assert costs.backlog(0.0) == 0


def test_models_are_bounded_but_none_in_use_is_forgotten() -> None:
    every = AllCosts()
    used = every.of("embeddings", "used")
    used.send(0.0, 1)
    for number in range(MOST_MODELS + 5):
        every.of("embeddings", f"m{number}")
    assert len(every._known) <= MOST_MODELS
    assert every.of("embeddings", "used") is used


def test_what_is_told_of_them() -> None:
    every = AllCosts()
    every.of("embeddings", "new")
    alone(every.of("embeddings", "m"), 1, FIXED)
    every.of("completions", "odd").misfit(10.0)
    rows = {row["model"]: row for row in every.dump(10.0)}
    assert set(rows) == {"m", "odd"}
    assert rows["m"]["fixed_seconds"] + rows["m"]["item_seconds"] == pytest.approx(FIXED)
    assert rows["odd"]["unfit_seconds"] == UNFIT_SECONDS

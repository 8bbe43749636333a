import pytest

from bench.decisions import CALLS, Case, choice_rows, exchanges, fleet, measure, measure_choice, measure_cut
from penstock.routing.strategies import STRATEGIES


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_it_measures_every_strategy(strategy: str) -> None:
    room, choice = measure(Case(strategy, 3, "small"), rounds=1)
    assert room > 0
    assert choice > 0


def test_calls_are_of_the_kind_that_is_asked_for() -> None:
    again, new = exchanges(Case("adaptive", 3, "large"), 0), exchanges(Case("adaptive", 3, "large", is_new=True), 0)
    assert len({one.call.body for one in again}) == 8
    assert len({one.call.body for one in new}) == CALLS
    entry = fleet(Case("adaptive", 3, "large"))
    assert len(entry.ask(again[0], "m", 0.0).blocks) > 30
    assert entry.ask(exchanges(Case("adaptive", 3, "small", session=True), 0)[1], "m", 0.0).session == "\0session-1"


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_it_measures_every_choice_in_a_busy_fleet(strategy: str) -> None:
    assert measure_choice(strategy, 8, rounds=1, calls=60) > 0


def test_a_row_has_every_size_of_fleet_and_hashing_is_apart() -> None:
    (row,) = choice_rows(["adaptive"], rounds=1)
    assert list(row) == ["strategy", "8 upstreams, µs", "64 upstreams, µs", "256 upstreams, µs"]
    assert measure_cut(16_000, 1) > 0

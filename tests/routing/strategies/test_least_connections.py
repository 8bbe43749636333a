from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.strategies.least_connections import LeastConnections
from tests.support.targets import ask, targets


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), min_size=1, max_size=6), st.integers(0, 5))
def test_the_chosen_has_the_least_load_for_its_weight(state: list[tuple[int, int]], before: int) -> None:
    those, strategy = targets(*(weight for weight, _ in state)), LeastConnections()
    for _ in range(before):
        strategy.choose(those, ask())
    for target, (_, busy) in zip(those, state, strict=True):
        target.in_flight = busy
    chosen = strategy.choose(those, ask())
    assert all((chosen.in_flight + 1) * other.weight <= (other.in_flight + 1) * chosen.weight for other in those)


@pytest.mark.parametrize("weights", [(2, 1), (1, 2), (5, 4)])
def test_an_idle_heavy_one_comes_before_an_idle_light_one(weights: tuple[int, int]) -> None:
    those, strategy = targets(*weights), LeastConnections()
    heavy = max(those, key=lambda target: target.weight)
    assert [strategy.choose(those, ask()) for _ in range(4)] == [heavy] * 4


def test_an_idle_fleet_is_used_evenly() -> None:
    those, strategy = targets(1, 1, 1), LeastConnections()
    assert Counter(strategy.choose(those, ask()).name for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_calls_that_stay_open_fill_up_by_weight() -> None:
    those, strategy = targets(1, 3), LeastConnections()
    for _ in range(40):
        strategy.choose(those, ask()).in_flight += 1
    assert [target.in_flight for target in those] == [10, 30]


def test_a_busy_one_is_left_alone() -> None:
    those, strategy = targets(1, 1), LeastConnections()
    those[0].in_flight = 5
    assert {strategy.choose(those, ask()).name for _ in range(5)} == {"b"}


def test_a_single_target_is_chosen() -> None:
    those = targets(3)
    assert LeastConnections().choose(those, ask()) is those[0]

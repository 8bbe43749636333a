from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.strategies.weighted_round_robin import WeightedRoundRobin
from tests.support.targets import ask, targets

weights = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def order(given_weights: list[int], calls: int) -> str:
    those, strategy = targets(*given_weights), WeightedRoundRobin()
    return "".join(strategy.choose(those, ask()).name for _ in range(calls))


def test_the_published_example() -> None:
    assert order([5, 1, 1], 7) == "aabacaa"


@given(weights, st.integers(1, 3))
def test_shares_are_exact_over_each_cycle(given_weights: list[int], cycles: int) -> None:
    total = sum(given_weights)
    chosen = order(given_weights, cycles * total)
    for cycle in range(cycles):
        counted = Counter(chosen[cycle * total : (cycle + 1) * total])
        assert [counted[chr(ord("a") + number)] for number in range(len(given_weights))] == given_weights


@given(weights)
def test_at_no_moment_is_a_target_far_from_its_share(given_weights: list[int]) -> None:
    """No bursts: after any number of calls each count is within (number of targets) of its exact share."""
    total = sum(given_weights)
    chosen = order(given_weights, total)
    seen: Counter[str] = Counter()
    for calls, name in enumerate(chosen, 1):
        seen[name] += 1
        for number, weight in enumerate(given_weights):
            assert abs(seen[chr(ord("a") + number)] - calls * weight / total) <= max(1, len(given_weights) - 1)


@given(st.integers(1, 30))
def test_of_two_the_lighter_never_comes_twice_in_a_row(heavy: int) -> None:
    assert "bb" not in order([heavy, 1] if heavy > 1 else [1, 1], 3 * (heavy + 1))


def test_a_target_that_joins_gets_its_share_and_no_flood() -> None:
    three, strategy = targets(2, 2, 2), WeightedRoundRobin()
    for _ in range(101):
        strategy.choose(three[:2], ask())
    chosen = Counter(strategy.choose(three, ask()).name for _ in range(60))
    assert 18 <= chosen["c"] <= 22

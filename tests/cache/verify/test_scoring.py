"""The choice among safe answers."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.scoring import Weights, choose, freshness, popularity

CANDIDATE = st.tuples(
    st.floats(0.9, 1.0), st.floats(0, 1e6), st.floats(1, 1e6), st.integers(0, 10**9)
)  # probability, age, ttl, uses


def test_freshness_and_popularity() -> None:
    assert freshness(0, 100) == 1
    assert math.isclose(freshness(100, 100), 1 / math.e)
    assert freshness(10, math.inf) == 1
    assert freshness(10, 0) == 0
    assert popularity(0, 10) == 0
    assert popularity(10, 10) == 1
    assert popularity(0, 0) == 0


def test_of_equally_safe_ones_the_fresher_and_the_more_popular_wins() -> None:
    assert choose([(0.99, 50, 100, 0), (0.99, 0, 100, 0)], Weights()) == 1
    assert choose([(0.99, 0, 100, 3), (0.99, 0, 100, 90)], Weights()) == 1


def test_popularity_does_not_make_a_less_safe_one_win() -> None:
    assert choose([(0.999, 99, 100, 0), (0.95, 0, 100, 10**6)], Weights()) == 0
    assert choose([(0.999, 99, 100, 0), (0.95, 0, 100, 10**6)], Weights(0, 0, 1)) == 0


@given(st.lists(CANDIDATE, min_size=1, max_size=8))
def test_the_chosen_is_at_most_twice_as_likely_wrong_as_the_safest(
    candidates: list[tuple[float, float, float, int]],
) -> None:
    chosen = candidates[choose(candidates, Weights())]
    safest = max(candidate[0] for candidate in candidates)
    assert 1 - chosen[0] <= 2 * (1 - safest) + 1e-6

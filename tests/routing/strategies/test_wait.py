import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.load import BASE_TOKENS
from penstock.routing.strategies.wait import DECODE, first_seconds, rank, rank_terms, wait
from tests.support.targets import ask, target


def test_the_formulas() -> None:
    one, call = target("a", 2), ask(tokens=2000.0, output=100.0)
    one.load.begin(0.0, 1000.0)
    first, gap = one.load.peers.first, one.load.peers.gap
    assert first_seconds(one, call, 0.25) == pytest.approx(first.base + first.slope * 2500)
    assert wait(one, call, 0.25) == pytest.approx(first_seconds(one, call, 0.25) + DECODE * 100 * gap.at(2))
    assert rank(one, call, 0.25) == pytest.approx(((BASE_TOKENS + 2500) / 2) ** 2 * 2**3)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1), st.integers(1, 9), st.integers(0, 20))
def test_terms_sum_to_the_logarithm_of_the_rank(
    waiting: float, tokens: float, hit: float, weight: int, calls: int
) -> None:
    one, call = target("a", weight), ask(tokens=tokens)
    for _ in range(calls):
        one.load.begin(0.0, waiting)
    assert sum(rank_terms(one, call, hit).values()) == pytest.approx(math.log(rank(one, call, hit)))


def test_more_of_anything_ranks_worse() -> None:
    one, call = target("a"), ask(tokens=1000.0)
    idle = rank(one, call, 0.0)
    assert rank(one, call, 0.5) < idle
    stay = one.load.begin(0.0, 0.0)
    busy = rank(one, call, 0.0)
    assert busy > idle
    one.load.end(stay, 1.0)
    one.load.begin(1.0, 5000.0)
    assert rank(one, call, 0.0) > busy
    call.now = 60.0
    assert rank(one, call, 0.0) > rank(one, ask(tokens=1000.0, now=1.0), 0.0)

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.routing.load import Peers
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.least_rank import DRAWN, MOST, LeastRank
from penstock.routing.strategies.wait import rank
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, targets

STATE = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 5000), st.integers(1, 3)), min_size=2, max_size=30)


def fleet(state: list[tuple[int, float, int]]) -> list[Target]:
    """Each with so many calls of so many tokens, at a weight."""
    peers = Peers()
    those = [Target(str(number), Upstream(""), weight, peers=peers) for number, (_, _, weight) in enumerate(state)]
    for number, (target, (calls, tokens, _)) in enumerate(zip(those, state, strict=True)):
        target.slot = number
        for _ in range(calls):
            target.load.begin(0.0, tokens)
    return those


@given(STATE, st.dictionaries(st.integers(0, 40), st.floats(0, 1), max_size=8), st.floats(1, 5000), st.floats(0, 60))
@settings(max_examples=200)
def test_nobody_ranks_better_than_the_chosen(
    state: list[tuple[int, float, int]], hits: dict[int, float], tokens: float, now: float
) -> None:
    those, call = fleet(state), ask(tokens=tokens, now=now)
    for target in those:
        target.load.tally(now)
    chosen = LeastRank(Random(1).uniform).choose(those, call, hits)
    ranks = {target.name: rank(target, call, hits.get(target.slot, 0.0)) for target in those}
    assert ranks[chosen.name] <= min(ranks.values()) * (1 + 1e-9)


def test_idle_equals_are_drawn() -> None:
    those, least = targets(1, 1, 1, 1), LeastRank(Random(1).uniform)
    counts = Counter(least.choose(those, ask(tokens=100.0), {}).name for _ in range(400))
    assert set(counts) == set("abcd")
    assert max(counts.values()) < 150


def test_one_that_hangs_is_left_alone_though_nothing_was_told() -> None:
    those = fleet([(1, 100.0, 1), (2, 150.0, 1)])
    least = LeastRank(Random(1).uniform)
    assert least.choose(those, ask(tokens=100.0), {}) is those[0]
    # The other's answers begin, and the first one's does not.
    for stay in list(those[1].load.stays):
        those[1].load.first_token(stay, 0.1)
    assert least.choose(those, ask(tokens=100.0, now=600.0), {}) is those[1]


def test_a_page_that_went_stale_is_forgotten_within_some_choices() -> None:
    those = targets(1, 1)
    least = LeastRank(Random(1).uniform)
    those[0].load.scraped = Scraped(0.0, running=50.0)
    for one in those:
        one.load.rank(1.0)
    chosen = [least.choose(those, ask(now=100.0), {}).name for _ in range(60)]
    assert "a" not in chosen[:3]
    assert "a" in chosen[8:]


def test_of_many_some_are_looked_at_and_those_that_have_the_prompt() -> None:
    state = [(3, 2000.0, 1)] * 200
    those = fleet(state)
    least, rng = LeastRank(Random(3).uniform), Random(4)
    for _ in range(50):
        place = rng.randrange(200)
        assert least.choose(those, ask(tokens=20_000.0), {place: 1.0}) is those[place]
    assert len({least.choose(those, ask(), {}).name for _ in range(400)}) > 150
    assert DRAWN < MOST


def test_of_many_that_have_the_same_beginning_not_always_the_same_are_looked_at() -> None:
    those = fleet([(3, 2000.0, 1)] * 200)
    least, hits = LeastRank(Random(3).uniform), dict.fromkeys(range(0, 200, 2), 0.9)
    counts = Counter(least.choose(those, ask(tokens=20_000.0), hits).name for _ in range(1000))
    assert len(counts) > 80
    assert max(counts.values()) < 60


@pytest.mark.parametrize("change", [lambda those: those[:2], lambda those: [*those[1:], those[0]]])
def test_another_list_is_another_fleet(change: object) -> None:
    those, least = targets(1, 1, 1), LeastRank(Random(1).uniform)
    least.choose(those, ask(), {})
    other = change(those)  # type: ignore[operator]
    assert {least.choose(other, ask(tokens=1.0), {}).name for _ in range(60)} == {target.name for target in other}
    assert "at 61" in repr(least)

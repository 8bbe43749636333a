from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.ask import Ask
from penstock.routing.strategies.prefix import IMBALANCE_CALLS, LEAST_MATCH, Prefix
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask


class Fleet:
    """Targets that have remembered so many of the first blocks of one prompt of twenty."""

    def __init__(self, depths: Sequence[int]) -> None:
        self.shared = Shared()
        self.targets = [
            Target(chr(ord("a") + number), Upstream("x"), prefixes=self.shared.prefixes)
            for number in range(len(depths))
        ]
        for one, depth in zip(self.targets, depths, strict=True):
            self.shared.prefixes.remember(one.slot, range(depth), 0.0)
        self.strategy = Prefix(self.shared)

    def ask(self) -> Ask:
        made = ask()
        made.blocks, made.bounds, made.size = range(20), range(1, 21), 20
        return made

    def choose(self) -> str:
        return self.strategy.choose(self.targets, self.ask()).name


def test_the_longest_match_wins() -> None:
    assert {Fleet([3, 9, 5]).choose() for _ in range(10)} == {"b"}


def test_of_equals_the_less_busy() -> None:
    fleet = Fleet([9, 9, 5])
    fleet.targets[0].in_flight = 1
    assert {fleet.choose() for _ in range(10)} == {"b"}


def test_less_than_a_tenth_is_no_match() -> None:
    fleet = Fleet([1, 0, 0])
    assert {fleet.choose() for _ in range(10)} == {"a", "b", "c"}
    assert {Fleet([2, 0, 0]).choose() for _ in range(10)} == {"a"}


def test_out_of_balance_the_match_does_not_count() -> None:
    fleet = Fleet([20, 0])
    fleet.targets[0].in_flight = IMBALANCE_CALLS
    assert fleet.choose() == "a"
    fleet.targets[0].in_flight = IMBALANCE_CALLS + 1
    assert fleet.choose() == "b"
    fleet.targets[1].in_flight = 330
    fleet.targets[0].in_flight = 363  # 33 more, but less than a tenth more
    assert fleet.choose() == "a"
    fleet.targets[0].in_flight = 364
    assert fleet.choose() == "b"


def test_a_holder_that_may_not_be_chosen_is_not() -> None:
    fleet = Fleet([20, 4, 0])
    assert fleet.strategy.choose(fleet.targets[1:], fleet.ask()).name == "b"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)), min_size=2, max_size=6))
def test_the_rule(state: list[tuple[int, int]]) -> None:
    fleet = Fleet([depth for depth, _ in state])
    for one, (_, busy) in zip(fleet.targets, state, strict=True):
        one.in_flight = busy
    most, least = max(busy for _, busy in state), min(busy for _, busy in state)
    depth, busy = state[ord(fleet.choose()) - ord("a")]
    is_balanced = most - least <= IMBALANCE_CALLS or most <= 1.1 * least
    longest = max(depth for depth, _ in state)
    if is_balanced and longest / 20 >= LEAST_MATCH:
        assert (depth, busy) == (longest, min(busy for depth, busy in state if depth == longest))
    else:
        assert busy == least


def test_it_explains_itself() -> None:
    fleet = Fleet([5, 0])
    made = fleet.ask()
    fleet.strategy.choose(fleet.targets, made)
    assert [fleet.strategy.terms(one, made) for one in fleet.targets] == [{"hit": 0.25}, {"hit": 0.0}]

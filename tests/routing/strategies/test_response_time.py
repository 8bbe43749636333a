from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.load import Peers
from penstock.routing.strategies.response_time import ResponseTime, cost
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, targets


def drawing(*numbers: float) -> Callable[[float, float], float]:
    """Draws these, each a share of the way from a to b."""
    left: Iterable[float] = iter(numbers)
    return lambda a, b: a + (b - a) * next(iter(left))


def test_the_cost() -> None:
    one = Target("a", Upstream("a"), 2)
    one.load.peak_first.learn(0.4, 0.0)
    one.load.peak_gap.learn(0.02, 0.0)
    one.in_flight = 2
    made = ask(output=100.0)
    assert cost(one, made) == pytest.approx((0.4 + 0.02 * 100) * 3 / 2)
    assert ResponseTime(Shared()).terms(one, made) == {"cost": cost(one, made)}


def test_of_two_drawn_the_sooner() -> None:
    slow, fast, idle = targets(1, 1, 1)
    slow.load.peak_first.learn(2.0, 0.0)
    fast.load.peak_first.learn(0.1, 0.0)
    idle.load.peak_first.learn(0.01, 0.0)
    for draws, chosen in (((0.0, 0.0), fast), ((0.4, 0.0), fast), ((0.0, 0.6), idle), ((0.99, 0.99), idle)):
        strategy = ResponseTime(Shared(uniform=drawing(*draws)))
        assert strategy.choose([slow, fast, idle], ask()) is chosen


@pytest.mark.interpreted
@given(st.integers(2, 9), st.floats(0, 1), st.floats(0, 1))
def test_two_different_ones_are_drawn_also_at_the_ends(count: int, first: float, second: float) -> None:
    those = targets(*[1] * count)
    drawn: list[str] = []

    class Noting:
        """Load that notes who is looked at."""

        def __init__(self, name: str) -> None:
            self.name = name

        def __getattr__(self, field: str) -> object:
            drawn.append(self.name)
            return getattr(targets(1)[0].load, field)

    for one in those:
        one.load = Noting(one.name)  # type: ignore[assignment]
    ResponseTime(Shared(uniform=drawing(first, second))).choose(those, ask())
    assert len(set(drawn)) == 2


def test_all_pairs_are_drawn_alike() -> None:
    those = targets(1, 1, 1, 1)
    for number, one in enumerate(those):
        one.load.peak_first.learn(1.0 + number, 0.0)
    strategy = ResponseTime(Shared())
    counted = Counter(strategy.choose(those, ask()).name for _ in range(12_000))
    # Of the six pairs the first is in three, the second is better than two, the third than one.
    assert [counted[name] / 2000 for name in "abcd"] == pytest.approx([3, 2, 1, 0], abs=0.25)


def test_one_without_a_sample_counts_as_the_mean_of_all() -> None:
    peers = Peers()
    seen, new = (Target(name, Upstream(name), peers=peers) for name in ("seen", "new"))
    for moment in range(50):
        stay = seen.load.begin(float(moment), 100.0)
        seen.load.first_token(stay, moment + 0.5)
        seen.load.end(stay, moment + 0.9, 5)
    made = ask(tokens=100.0, output=5.0, now=50.0)
    assert cost(new, made) == pytest.approx(cost(seen, made), rel=0.1)


def test_one_that_was_slow_once_is_tried_again() -> None:
    """Two upstreams; one has answered after 30 s, once. Nothing else would ever bring it another call."""
    peers = Peers()
    slow, other = (Target(name, Upstream(name), peers=peers) for name in ("slow", "other"))
    first_tokens = [(slow, 30.0), *[(other, 0.5)] * 100]
    for one, took in first_tokens:
        stay = one.load.begin(100.0 - took, 10.0)
        one.load.first_token(stay, 100.0)
        one.load.end(stay, 101.0)
    strategy = ResponseTime(Shared())

    def chosen(now: float) -> set[str]:
        return {strategy.choose([slow, other], ask(tokens=10.0, now=now)).name for _ in range(20)}

    other.in_flight = 5
    assert chosen(101.0) == {"other"}
    assert chosen(200.0) == {"slow"}

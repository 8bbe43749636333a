from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.ask import Ask
from penstock.routing.strategies.cost import Cost, dollars
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import wait
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask


def priced(name: str, price_in: float, price_out: float = 0.0, waiting: float = 0.0) -> Target:
    one = Target(name, Upstream(name), prices=(price_in, price_out))
    one.load.waiting = waiting
    return one


def test_what_a_call_costs() -> None:
    one, made = priced("a", 2e-6, 8e-6), ask(tokens=1000.0, output=100.0)
    assert dollars(one, made) == 1000 * 2e-6 + 100 * 8e-6
    assert Cost(Shared()).terms(one, made) == {"dollars": dollars(one, made)}


def test_the_cheapest_of_those_that_are_soon_enough() -> None:
    cheap, dear = priced("cheap", 1e-6), priced("dear", 2e-6)
    strategy, made = Cost(Shared(slack=1.0)), ask(tokens=1000.0)
    assert {strategy.choose([dear, cheap], made).name for _ in range(20)} == {"cheap"}
    cheap.load.waiting = 100_000.0  # more than ten seconds of prompts
    assert {strategy.choose([dear, cheap], made).name for _ in range(20)} == {"dear"}
    dear.load.waiting = 100_000.0
    assert {strategy.choose([dear, cheap], made).name for _ in range(20)} == {"cheap"}


def test_of_equal_prices_the_sooner() -> None:
    one, other = priced("one", 0.0, waiting=500.0), priced("other", 0.0, waiting=400.0)
    strategy = Cost(Shared())
    assert {strategy.choose([one, other], ask(tokens=10.0)).name for _ in range(20)} == {"other"}


def test_what_is_cached_counts_as_time_and_not_as_money() -> None:
    shared = Shared(slack=0.0)
    one, other = (Target(name, Upstream(name), prefixes=shared.prefixes) for name in ("one", "other"))
    shared.prefixes.remember(other.slot, [1], 0.0)
    made = ask(tokens=10_000.0)
    made.blocks, made.bounds, made.size = [1], [1], 1
    assert {Cost(shared).choose([one, other], made).name for _ in range(20)} == {"other"}
    assert dollars(one, made) == dollars(other, made)


rows = st.lists(st.tuples(st.floats(0, 1e-4), st.floats(0, 1e-4), st.floats(0, 1e6)), min_size=2, max_size=12)


@given(rows, st.floats(0, 5), st.floats(0, 1e5), st.floats(0, 1e4))
def test_nobody_who_is_soon_enough_is_cheaper(
    state: list[tuple[float, float, float]], slack: float, tokens: float, output: float
) -> None:
    those = [priced(str(number), *row) for number, row in enumerate(state)]
    made: Ask = ask(tokens=tokens, output=output)
    chosen = Cost(Shared(slack=slack)).choose(those, made)
    bound = min(wait(one, made, 0.0) for one in those) + slack
    soon = [one for one in those if wait(one, made, 0.0) <= bound]
    assert chosen in soon
    assert dollars(chosen, made) == min(dollars(one, made) for one in soon)
    equals = [one for one in soon if dollars(one, made) == dollars(chosen, made)]
    assert wait(chosen, made, 0.0) == min(wait(one, made, 0.0) for one in equals)

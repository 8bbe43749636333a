import pytest

from penstock.routing.prefix import PrefixIndex
from penstock.simulate.baselines.lmetric import LMetric, score
from tests.support.targets import ask, targets


def test_the_product_of_tokens_and_calls() -> None:
    (one,) = targets(1)
    one.load.begin(0.0, 3000.0)
    one.in_flight = 4
    call = ask(tokens=2000.0)
    assert score(one, call) == (3000 + 2000) * 5
    call.hits = {one.slot: 0.75}
    assert score(one, call) == (3000 + 500) * 5
    assert LMetric(PrefixIndex(0), lambda low, high: 0.0).terms(one, call) == {"product": 17_500.0}


@pytest.mark.parametrize("start", [0.0, 1.0, 2.0])
def test_the_least_product_wins_wherever_the_look_begins(start: float) -> None:
    those = targets(1, 1, 1)
    for target, (tokens, calls) in zip(those, [(0.0, 9), (900.0, 4), (4000.0, 2)], strict=True):
        target.load.begin(0.0, tokens)
        target.in_flight = calls
    # 1000 * 10, 1900 * 5, 5000 * 3
    assert LMetric(PrefixIndex(0), lambda low, high: start).choose(those, ask(tokens=1000.0)) is those[1]


def test_a_cached_beginning_is_looked_up() -> None:
    those = targets(1, 1)
    index = PrefixIndex(1000)
    slots = [index.join(), index.join()]
    those[0].slot, those[1].slot = slots
    index.remember(slots[1], [1, 2, 3], 0.0)
    call = ask(tokens=1536.0)
    call.blocks, call.bounds, call.size = [1, 2, 3], range(512, 2048, 512), 1536
    assert LMetric(index, lambda low, high: 0.0).choose(those, call) is those[1]

import pytest

from penstock.routing.strategies.predictive import Predictive
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import rank_terms
from tests.support.targets import ask, targets


def test_the_soonest_is_chosen_and_caches_mean_nothing() -> None:
    those, strategy = targets(1, 1), Predictive(Shared())
    those[0].load.begin(0.0, 5000.0)
    call = ask(tokens=1000.0)
    call.hits = {those[0].slot: 1.0}
    assert {strategy.choose(those, call).name for _ in range(20)} == {"b"}
    assert strategy.choose(those[:1], call) is those[0]


def test_twice_the_weight_bears_twice_the_queue() -> None:
    those, strategy = targets(2, 1), Predictive(Shared())
    for target, tokens in zip(those, (2900.0, 1500.0), strict=True):
        target.load.begin(0.0, tokens)
    assert strategy.choose(those, ask()) is those[0]


def test_terms_are_those_of_the_rank_without_a_hit() -> None:
    (one,) = targets(1)
    call = ask(tokens=500.0)
    call.hits = {one.slot: 0.5}
    assert Predictive(Shared()).terms(one, call) == pytest.approx(rank_terms(one, call, 0.0))

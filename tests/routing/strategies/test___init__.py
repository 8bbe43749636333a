from typing import get_args

import pytest

from penstock.config import Config, ConfigError
from penstock.routing.config import Strategy
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.strategies.strategy import Shared
from tests.support.targets import ask, targets


def test_exactly_those_that_can_be_configured_are_here() -> None:
    assert set(STRATEGIES) == set(get_args(Strategy))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_each_chooses_one_of_those_it_is_given_and_explains_them(name: str) -> None:
    strategy, those, made = make_strategy(name), targets(1, 2, 3), ask(tokens=10.0, output=5.0, session="s")
    assert strategy.choose(those, made) in those
    assert strategy.choose(those[:1], made) is those[0]
    for one in those:
        assert all(isinstance(term, int | float) for term in strategy.terms(one, made).values())
    assert repr(strategy).startswith("<")


def test_each_model_has_a_strategy_of_its_own_over_what_all_share() -> None:
    assert make_strategy("round_robin") is not make_strategy("round_robin")
    shared, those = Shared(), targets(1, 1)
    first = make_strategy("instance_score", shared).choose(those, ask(session="s"))
    assert shared.sessions.find("s", 0.0) == first.name


def test_one_that_is_not_offered() -> None:
    with pytest.raises(KeyError):
        make_strategy("fastest")
    text = "upstreams: {e: {kind: echo}}\nmodels:\n  m: {upstreams: [e], strategy: fastest}\n"
    with pytest.raises(ConfigError, match=r"x\.yaml:3: .*strategy"):
        Config.parse(text, "x.yaml", {})

from typing import get_args

import pytest

from penstock.config import Config, ConfigError
from penstock.routing.config import Strategy
from penstock.routing.strategies import STRATEGIES, make_strategy
from tests.support.targets import ask, targets


def test_all_here_can_be_configured_and_made() -> None:
    assert set(STRATEGIES) <= set(get_args(Strategy))
    for name in STRATEGIES:
        assert make_strategy(name).choose(targets(1), ask()).name == "a"


def test_each_model_has_a_strategy_of_its_own() -> None:
    assert make_strategy("round_robin") is not make_strategy("round_robin")


@pytest.mark.parametrize("name", sorted(set(get_args(Strategy)) - set(STRATEGIES)))
def test_one_that_is_planned_only_is_refused_where_it_is_configured(name: str) -> None:
    text = f"upstreams: {{e: {{kind: echo}}}}\nmodels:\n  m: {{upstreams: [e], strategy: {name}}}\n"
    with pytest.raises(ConfigError, match=f"x.yaml:3: .*{name} is not offered"):
        Config.parse(text, "x.yaml", {})


def test_one_that_is_not_offered() -> None:
    with pytest.raises(KeyError):
        make_strategy("fastest")

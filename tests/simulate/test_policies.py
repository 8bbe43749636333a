import pytest

from penstock.routing.strategies import STRATEGIES
from penstock.routing.strategies.response_time import ResponseTime
from penstock.routing.strategies.strategy import Shared
from penstock.simulate.baselines.cache_aware import COMMAND_LINE, LIBRARY, CacheAware
from penstock.simulate.baselines.sticky import Sticky
from penstock.simulate.policies import BASELINES, USUAL, make_policy, names


def test_the_usual_ones_are_there_and_ours_comes_first() -> None:
    assert set(USUAL) <= set(names())
    assert USUAL[0] == "adaptive"
    assert not set(BASELINES) & set(STRATEGIES)


def test_what_is_shipped_is_what_is_played() -> None:
    assert isinstance(make_policy("peak_ewma", Shared(), 1.0), ResponseTime)
    for name in STRATEGIES:
        assert type(make_policy(name, Shared(), 1.0)) is type(STRATEGIES[name](Shared()))


def test_settings_of_the_others() -> None:
    library, command_line = make_policy("cache_aware", Shared(), 1.0), make_policy("cache_aware_cli", Shared(), 1.0)
    assert isinstance(library, CacheAware)
    assert isinstance(command_line, CacheAware)
    assert (library.threshold, library.gap, library.ratio) == LIBRARY
    assert (command_line.threshold, command_line.gap, command_line.ratio) == COMMAND_LINE
    sticky = make_policy("sticky", Shared(), 123.0)
    assert isinstance(sticky, Sticky)
    assert sticky.peak == 123.0
    with pytest.raises(KeyError):
        make_policy("none", Shared(), 1.0)

"""What strategies make of what a metrics page told, while it is fresh and afterwards."""

import pytest

from penstock.routing.load import FRESH_SECONDS
from penstock.routing.scraped import Scraped
from penstock.routing.strategies import make_strategy
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from tests.support.targets import ask, targets


def told(at: float, kv: float, running: float = 0.0) -> Scraped:
    return Scraped(at, running, 0.0, kv)


def chosen(name: str, those: list[Target], now: float) -> set[str]:
    strategy = make_strategy(name, Shared())
    return {strategy.choose(those, ask(tokens=100.0, output=100.0, now=now)).name for _ in range(30)}


@pytest.mark.parametrize("strategy", ["adaptive", "predictive", "cost", "instance_score"])
def test_a_full_cache_is_avoided_while_that_is_fresh_and_stale_never_means_full(strategy: str) -> None:
    full, free = targets(1, 1)
    full.load.scraped, free.load.scraped = told(100.0, 1.0), told(100.0, 0.1)
    assert chosen(strategy, [full, free], 100.0 + FRESH_SECONDS) == {"b"}
    free.in_flight = 30
    for _ in range(30):
        free.load.begin(100.0, 100.0)
    free.load.scraped = told(200.0, 0.1)
    assert chosen(strategy, [full, free], 100.0 + 1.01 * FRESH_SECONDS) == {"a"}


@pytest.mark.parametrize("strategy", ["adaptive", "predictive", "cost", "instance_score", "least_connections"])
def test_where_all_is_stale_the_calls_in_flight_decide(strategy: str) -> None:
    those = targets(1, 1, 1)
    for number, one in enumerate(those):
        one.load.scraped = told(0.0, 1.0 - number / 2, 1000.0 * (2 - number))
        one.in_flight = number * 10
        for _ in range(number * 10):
            one.load.begin(999.9, 500.0)
    assert chosen(strategy, those, 1000.0) == {"a"}


@pytest.mark.parametrize("strategy", ["adaptive", "predictive", "cost"])
def test_what_other_gateways_send_counts_while_it_is_fresh(strategy: str) -> None:
    crowded, free = targets(1, 1)
    crowded.load.scraped, free.load.scraped = told(100.0, 0.0, running=60.0), told(100.0, 0.0)
    assert chosen(strategy, [crowded, free], 101.0) == {"b"}
    assert chosen(strategy, [crowded, free], 200.0) == {"a", "b"}

from penstock.routing.strategies.round_robin import RoundRobin
from tests.support.targets import ask, targets


def test_each_in_turn_whatever_its_weight_and_load() -> None:
    three = targets(1, 9, 1)
    three[2].in_flight = 100
    strategy = RoundRobin()
    assert "".join(strategy.choose(three, ask()).name for _ in range(7)) == "abcabca"


def test_a_target_less_does_not_trip_it() -> None:
    three = targets(1, 1, 1)
    strategy = RoundRobin()
    for _ in range(3):
        strategy.choose(three, ask())
    assert {strategy.choose(three[:2], ask()).name for _ in range(2)} == {"a", "b"}

from collections import Counter

from penstock.simulate.baselines.drawn import Drawn
from tests.support.targets import ask, targets


def test_the_draw_is_the_place() -> None:
    those = targets(1, 1, 1, 1)
    drawn = iter([0.0, 1.7, 3.999, 4.0])
    policy = Drawn(lambda low, high: next(drawn))
    assert [policy.choose(those, ask()).name for _ in range(4)] == ["a", "b", "d", "d"]


def test_load_makes_no_difference() -> None:
    those = targets(1, 1)
    those[0].in_flight = 99
    draws = iter([0.2, 1.2] * 50)
    policy = Drawn(lambda low, high: next(draws))
    assert Counter(policy.choose(those, ask()).name for _ in range(100)) == {"a": 50, "b": 50}

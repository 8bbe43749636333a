from random import Random

from penstock.core.sketch import quantile
from penstock.core.windows import SPAN
from penstock.demo.world import BEGIN, World


def test_windows_follow_each_other_and_are_as_slow_as_was_said() -> None:
    world = World(Random(1), ("a", "b"), 100)
    first, second = world.window(0.2), world.window(0.2, {"b": 3.0})
    assert (first.start, second.start) == (BEGIN, BEGIN + SPAN)
    calm, slow = second.groups
    middle = {one.upstream: quantile(one.firsts, 0.5) or 0 for one in (calm, slow)}
    assert 0.15 < middle["a"] < 0.25
    assert 0.45 < middle["b"] < 0.75
    assert all(80 < one.calls < 140 for one in first.groups)
    assert (quantile(calm.firsts, 0.95) or 0) > 1.5 * middle["a"]

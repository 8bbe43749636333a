import pytest

from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target
from penstock.simulate.baselines.cache_aware import COMMAND_LINE, LIBRARY, CacheAware
from tests.support.targets import ask, targets


def fleet(have: int) -> tuple[PrefixIndex, list[Target], Ask]:
    """Two targets, the second with ``have`` of the ten blocks of a call."""
    index, those = PrefixIndex(1000), targets(1, 1)
    for target in those:
        target.slot = index.join()
    blocks = list(range(10))
    index.remember(those[1].slot, blocks[:have], 0.0)
    call = ask(tokens=5120.0)
    call.blocks, call.bounds, call.size = blocks, range(512, 10_000, 512), 5120
    return index, those, call


@pytest.mark.parametrize(
    ("have", "calls", "defaults", "expected"),
    [
        (6, (0, 32), LIBRARY, 1),  # 60 % matched, in balance by 32
        (6, (0, 33), LIBRARY, 0),  # out of balance
        (6, (400, 433), LIBRARY, 1),  # 33 more, but not by a tenth
        (5, (0, 1), LIBRARY, 0),  # half is not more than half
        (4, (0, 64), COMMAND_LINE, 1),
        (4, (0, 65), COMMAND_LINE, 0),
        (4, (200, 290), COMMAND_LINE, 1),
        (3, (0, 1), COMMAND_LINE, 0),
    ],
)
def test_the_rule(have: int, calls: tuple[int, int], defaults: tuple[float, int, float], expected: int) -> None:
    index, those, call = fleet(have)
    for target, busy in zip(those, calls, strict=True):
        target.in_flight = busy
    assert CacheAware(index, lambda low, high: 0.0, defaults).choose(those, call) is those[expected]


def test_a_miss_goes_to_one_of_the_least_busy_and_terms_tell_the_match() -> None:
    index, those, call = fleet(6)
    policy = CacheAware(index, lambda low, high: 1.0)
    assert policy.choose(those, ask()) is those[1]
    policy.choose(those, call)
    assert [policy.terms(target, call) for target in those] == [{"hit": 0.0}, {"hit": 0.6}]

import pytest

from penstock.routing.ask import Ask
from penstock.routing.prefix import PrefixIndex
from penstock.routing.targets import Target
from penstock.simulate.baselines.sticky import Sticky, score
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
    ("have", "waiting", "expected"),
    [
        (8, 17_999.0, 1),  # at 1,000 tokens a second, 18 s later at most
        (8, 18_001.0, 0),
        (7, 18_000.0, 0),  # under four fifths: tokens alone count
        (7, 3000.0, 1),  # 3000 + 0.3 * 5120 against 5120
    ],
)
def test_the_rule(have: int, waiting: float, expected: int) -> None:
    index, those, call = fleet(have)
    those[1].load.begin(0.0, waiting)
    assert Sticky(index, lambda low, high: 0.0, peak=1000.0).choose(those, call) is those[expected]


def test_tokens_in_flight_and_mine() -> None:
    index, those, call = fleet(8)
    those[1].load.begin(0.0, 100.0)
    index.match(call)
    assert score(those[1], call) == pytest.approx(100 + 0.2 * 5120)
    assert Sticky(index, lambda low, high: 0.0).terms(those[0], call) == {"tokens": 5120.0}

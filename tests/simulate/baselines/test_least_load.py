import pytest

from penstock.routing.scraped import Scraped
from penstock.simulate.baselines.least_load import LeastLoad, score
from tests.support.targets import ask, targets


def test_seconds_to_drain_and_the_barrier() -> None:
    (one,) = targets(1)
    one.load.begin(0.0, 5000.0)
    assert score(one, ask(now=1.0)) == pytest.approx(5000 / 2000)
    one.load.scraped = Scraped(0.0, kv=0.9)
    assert score(one, ask(now=1.0)) == pytest.approx(2.5 + 0.15 * 0.9 / 0.1)
    assert LeastLoad(lambda low, high: 0.0).terms(one, ask(now=1.0)) == {"seconds": pytest.approx(3.85)}


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_the_least_wins(start: float) -> None:
    those = targets(1, 1)
    those[0].load.begin(0.0, 1000.0)
    assert LeastLoad(lambda low, high: start).choose(those, ask()) is those[1]


def test_idle_ones_are_drawn() -> None:
    those = targets(1, 1, 1)
    assert [LeastLoad(lambda low, high, at=at: at).choose(those, ask()).name for at in (0.0, 1.0, 2.0)] == list("abc")

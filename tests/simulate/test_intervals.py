import math
import random

import pytest

from penstock.simulate.intervals import Interval, difference, student


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [(0.975, 9, 2.262), (0.975, 1, 12.706), (0.995, 4, 4.604), (0.9975, 9, 3.690), (0.975, 1000, 1.962)],
)
def test_quantiles_of_the_tables(probability: float, freedom: int, expected: float) -> None:
    assert student(probability, freedom) == pytest.approx(expected, abs=0.002)


def test_a_difference_by_hand() -> None:
    gap = difference([3.0, 5.0, 4.0], [1.0, 2.0, 3.0])
    assert gap.mean == pytest.approx(2.0)
    assert gap.half == pytest.approx(4.303 * 1.0 / math.sqrt(3), abs=0.01)
    assert not gap.above
    assert Interval(2.0, 1.0).above
    assert Interval(-2.0, 1.0).below
    assert str(Interval(0.5, 0.25)) == "+0.500 ± 0.250"


def test_more_rivals_widen_it_and_one_pair_says_nothing() -> None:
    one, other = [1.0, 2.0, 4.0, 3.0], [1.5, 1.0, 2.0, 1.0]
    assert difference(one, other, 10).half > difference(one, other).half
    assert difference([1.0], [0.0]).half == math.inf
    assert difference([2.0, 2.0], [1.0, 1.0]) == Interval(1.0, 0.0)


def test_chance_is_called_chance_nineteen_times_of_twenty() -> None:
    rng = random.Random(1)
    wrong = 0
    for _ in range(400):
        gap = difference([rng.gauss(0, 1) for _ in range(10)], [0.0] * 10)
        wrong += gap.above or gap.below
    assert 5 <= wrong <= 35

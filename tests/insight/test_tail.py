import random

from hypothesis import given
from hypothesis import strategies as st

from penstock.insight.tail import FEWEST, Tail


def filled(scores: list[float], kept: int = 3000) -> Tail:
    tail = Tail(kept)
    for score in scores:
        tail.add(score)
    return tail


def test_with_few_scores_nothing_is_rare() -> None:
    assert filled([1.0] * (FEWEST - 1)).chance(1e9) == 1.0


@given(scores=st.lists(st.floats(0, 1e9), min_size=FEWEST, max_size=300), a=st.floats(0, 1e12), b=st.floats(0, 1e12))
def test_a_chance_is_one_and_larger_scores_are_never_likelier(scores: list[float], a: float, b: float) -> None:
    tail = filled(scores)
    small, large = sorted((a, b))
    assert 0.0 <= tail.chance(large) <= tail.chance(small) <= 1.0


def test_chances_are_kept_also_far_out_and_for_heavy_tails() -> None:
    """Of scores that come from the same source one in a thousand has a chance of a thousandth: within a factor of 4."""
    draw = random.Random(1)
    for source in (lambda: draw.expovariate(1.0), lambda: draw.paretovariate(1.5), lambda: abs(draw.gauss(0, 1))):
        tail = filled([source() for _ in range(3000)])
        rare = sum(tail.chance(source()) < 1e-3 for _ in range(100_000))
        assert 25 <= rare <= 400


def test_the_oldest_are_forgotten() -> None:
    tail = filled([100.0] * 500 + [1.0] * 500, kept=500)
    assert tail.chance(2.0) == 1 / 501
    assert repr(tail) == "<Tail of 500 scores>"

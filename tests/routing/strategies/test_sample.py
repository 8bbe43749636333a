from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.strategies.sample import DRAWN, MOST, sample
from tests.support.targets import targets


@given(st.integers(1, 300), st.integers(0, 99))
def test_few_are_all_there_and_many_are_distinct(count: int, seed: int) -> None:
    those = targets(*[1] * count)
    drawn = sample(those, Random(seed).uniform)
    names = {id(target) for target in drawn}
    assert len(names) == len(drawn) == (count if count <= MOST else DRAWN)


def test_all_of_many_are_drawn_about_evenly() -> None:
    those, rng = targets(*[1] * 100), Random(1)
    places = {id(target): place for place, target in enumerate(those)}
    counts = Counter(places[id(target)] for _ in range(3000) for target in sample(those, rng.uniform))
    assert len(counts) == 100
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_few_begin_at_any_of_them() -> None:
    those, rng = targets(1, 1, 1, 1), Random(2)
    assert {sample(those, rng.uniform)[0].name for _ in range(60)} == set("abcd")

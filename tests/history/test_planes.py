import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sketch import LOWEST, merge, quantile
from penstock.history.planes import Ranks, counted, lanes, planes_of, sketch_of

sketches = st.dictionaries(st.integers(LOWEST, 600), st.integers(1, 2**40), max_size=12)


@given(sketches)
def test_there_and_back(sketch: dict[int, int]) -> None:
    assert sketch_of(planes_of(sketch)) == sketch


@given(st.lists(sketches, max_size=5))
def test_adding_numbers_merges_sketches(those: list[dict[int, int]]) -> None:
    merged: dict[int, int] = {}
    for sketch in those:
        merge(merged, sketch)
    assert counted(sum(lanes(planes_of(sketch)) for sketch in those)) == merged


@given(sketches, st.floats(0, 1))
def test_ranks_are_those_of_the_sketch(sketch: dict[int, int], share: float) -> None:
    assert Ranks(lanes(planes_of(sketch))).quantile(share) == quantile(sketch, share)


def test_small_counts_take_a_byte_each() -> None:
    assert planes_of({3: 255, 5: 1}) == [3, b"\xff\x00\x01"]
    assert planes_of({3: 256}) == [3, b"\x00", b"\x01"]
    assert planes_of({}) == []


def test_a_bin_below_the_lowest_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        lanes([LOWEST - 1, b"\x01"])

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sketch import LOWEST, merge, quantile
from penstock.history.planes import (
    EMPTY,
    MOST,
    Pile,
    Ranks,
    lanes,
    numbers_in,
    pile_of,
    planes_of,
    sketch_in,
    sketched,
    together,
)

sketches = st.dictionaries(st.integers(LOWEST, 600), st.integers(1, 2**40), max_size=12)
numbers = st.integers(-(2**55), 2**55) | st.integers(-300, 300) | st.integers(0, 70_000)


@given(st.lists(numbers, max_size=8))
def test_numbers_there_and_back(column: list[int]) -> None:
    assert list(numbers_in(lanes(planes_of(column), len(column)), len(column))) == column


@given(st.integers(1, 6).flatmap(lambda rows: st.lists(st.lists(numbers, min_size=rows, max_size=rows), min_size=1)))
def test_adding_lanes_adds_number_by_number(columns: list[list[int]]) -> None:
    rows = len(columns[0])
    added = sum(lanes(planes_of(column), rows) for column in columns)
    assert list(numbers_in(added, rows)) == [sum(row) for row in zip(*columns, strict=True)]


def test_numbers_take_as_many_bytes_as_the_largest() -> None:
    assert planes_of([0, 0]) == b""
    assert planes_of([1, 255]) == b"\x01\xff"
    assert planes_of([1, 256]) == b"\x01\x00\x00\x01"
    assert len(planes_of([1, -1])) == 16


def test_numbers_beyond_all_sense_hardly_harm_those_beside_them() -> None:
    column = [7, 2**70, -(2**70)]
    assert list(numbers_in(lanes(planes_of(column), 3), 3)) == [7, MOST, -MOST]
    many = numbers_in(100 * lanes(planes_of([MOST, 7, MOST]), 3), 3)
    assert 700 <= many[1] <= 750
    assert len(numbers_in(100 * lanes(planes_of([-MOST]), 1), 1)) == 1


def test_planes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        lanes(b"abc", 2)


def piled(sketch: dict[int, int]) -> Pile:
    return pile_of(sketched(sketch))


@given(sketches)
def test_sketches_there_and_back(sketch: dict[int, int]) -> None:
    assert sketch_in(piled(sketch)) == sketch


@given(st.lists(sketches, max_size=5))
def test_putting_piles_together_merges_sketches(those: list[dict[int, int]]) -> None:
    merged: dict[int, int] = {}
    pile = EMPTY
    for sketch in those:
        merge(merged, sketch)
        pile = together(pile, piled(sketch))
    assert sketch_in(pile) == merged


@given(sketches, st.floats(0, 1))
def test_ranks_are_those_of_the_sketch(sketch: dict[int, int], share: float) -> None:
    assert Ranks(piled(sketch)).quantile(share) == quantile(sketch, share)


def test_small_counts_take_a_byte_each() -> None:
    assert sketched({3: 255, 5: 1}) == [3, b"\xff\x00\x01"]
    assert sketched({3: 256}) == [3, b"\x00", b"\x01"]
    assert sketched({}) == []

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.windows import OTHER, Part
from penstock.history.columns import MOST_KEPT, Columns

NUMBERS = len(Part.__struct_fields__)
NAMES = ["calls", "cost", "total"]


def numbers(calls: int, cost: int = 0, total: int = 0) -> list[int]:
    row = [0] * NUMBERS
    for name, number in zip(NAMES, (calls, cost, total), strict=True):
        row[Part.__struct_fields__.index(name)] = number
    return row


WINDOWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 20.0]),
        st.dictionaries(st.sampled_from("abcd"), st.tuples(*[st.integers(0, 100)] * 3)),
    ),
    max_size=8,
)


@given(WINDOWS)
def test_whichever_values_each_window_has_it_is_as_if_added_number_by_number(
    windows: list[tuple[float, dict[str, tuple[int, int, int]]]],
) -> None:
    columns = Columns(["calls", "total", "cost"])
    calls: Counter[str] = Counter()
    sums: Counter[tuple[str, float, str]] = Counter()
    for at, values in windows:
        columns.add(at, {value: numbers(*row) for value, row in values.items()})
        for value, row in values.items():
            calls[value] += row[0]
            for name, number in zip(NAMES, row, strict=True):
                sums[value, at, name] += number
    found, told = columns.series(2)
    assert found == dict(calls)
    assert list(told) == sorted(calls, key=lambda name: (-calls[name], name))[:2]
    got = {
        (value, at, name): number
        for value, points in told.items() for at, totals in points.items() for name, number in totals.numbers.items()
    }  # fmt: skip
    assert got == {key: number for key, number in sums.items() if key[0] in told}


def test_of_too_many_values_the_later_ones_are_told_together() -> None:
    columns = Columns(["calls"])
    columns.add(0.0, {f"v{number}": numbers(2) for number in range(MOST_KEPT)})
    columns.add(20.0, {"v0": numbers(1), "late": numbers(3), "later": numbers(500)})
    calls, told = columns.series(1)
    assert len(calls) == MOST_KEPT + 1
    assert (calls["v0"], calls[OTHER]) == (3, 503)
    assert {at: totals["calls"] for at, totals in told[OTHER].items()} == {20.0: 503}


def test_what_is_no_row_of_numbers_is_refused() -> None:
    columns = Columns(["calls"])
    for wrong in ({"a": [1, 2]}, {"a": numbers(1), "b": [1]}):
        with pytest.raises(ValueError, match=r"."):
            columns.add(0.0, wrong)
    columns.add(0.0, {})
    assert columns.series(5) == ({}, {})
    assert repr(columns) == "<Columns of 0 steps>"

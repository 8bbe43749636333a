"""Percentiles, medians and tables of the benches."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bench import stats


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (90, 9), (99, 10), (100, 10), (0, 1), (10, 1), (11, 2)])
def test_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert stats.percentile(range(1, 11), percent) == expected


@given(some.lists(some.floats(allow_nan=False), min_size=1), some.floats(0, 100))
def test_percentile_is_a_member_with_enough_at_or_below(values: list[float], percent: float) -> None:
    ordered = sorted(values)
    found = stats.percentile(ordered, percent)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= len(ordered) * percent / 100 - 1e-9


def test_nothing_measured_is_not_a_number() -> None:
    assert math.isnan(stats.percentile([], 50))
    assert math.isnan(stats.median([]))
    assert math.isnan(stats.median([math.nan]))
    assert math.isnan(stats.ratio(3.0, 0.0))
    assert stats.number(math.nan) == stats.span([]) == "–"


def test_median_leaves_out_what_was_not_measured() -> None:
    assert stats.median([3.0, math.nan, 1.0, 2.0]) == 2.0


def test_numbers_are_grouped_and_rounded() -> None:
    assert stats.number(12345.678, 1) == "12,345.7"
    assert stats.span([3.14, 1.06, 2.0]) == "1.1–3.1"


@given(some.lists(some.integers()), some.integers(0, 20))
def test_rotation_keeps_all_and_their_order(items: list[int], turns: int) -> None:
    turned = stats.rotated(items, turns)
    assert sorted(turned) == sorted(items)
    if items:
        assert turned[0] == items[turns % len(items)]
        assert stats.rotated(turned, len(items) - turns % len(items)) == items


def test_table_is_aligned_markdown() -> None:
    text = stats.table([{"proxy": "nginx", "µs": "9"}, {"proxy": "a", "µs": "1,234"}])
    assert text.splitlines() == [
        "| proxy |    µs |",
        "|-------|------:|",
        "| nginx |     9 |",
        "| a     | 1,234 |",
    ]
    assert stats.table([]) == "(nothing measured)"

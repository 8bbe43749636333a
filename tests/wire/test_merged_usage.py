"""Usage is divided exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.merged_usage import divided, parts_of

some_weights = st.lists(st.integers(1, 10_000), min_size=1, max_size=40)


@given(st.integers(-1000, 10**9), some_weights)
def test_parts_are_whole_near_their_share_and_sum_up(amount: int, weights: list[int]) -> None:
    parts = parts_of(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total


def test_the_largest_remainder_gets_more() -> None:
    assert parts_of(10, [1, 1, 1]) == [4, 3, 3]
    assert parts_of(7, [10, 1, 1]) == [6, 1, 0]
    assert parts_of(1, [1, 5, 1]) == [0, 1, 0]


@given(st.integers(0, 10**6), st.integers(0, 10**6), some_weights)
def test_totals_stay_sums(prompt: int, completion: int, weights: list[int]) -> None:
    told = {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt // 2},
    }  # fmt: skip
    parts = divided(told, weights)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert sum(part[name] for part in parts) == told[name]
    assert sum(part["prompt_tokens_details"]["cached_tokens"] for part in parts) == prompt // 2
    for part in parts:
        assert part["total_tokens"] == part["prompt_tokens"] + part["completion_tokens"]


def test_what_is_no_number_is_everybodys() -> None:
    assert divided({"a": "x", "b": None, "c": True, "d": 1.0}, [1, 3]) == [
        {"a": "x", "b": None, "c": True, "d": 0.25}, {"a": "x", "b": None, "c": True, "d": 0.75},
    ]  # fmt: skip


def test_costs_sum_up_nearly() -> None:
    assert sum(part["cost"] for part in divided({"cost": 0.3}, [1, 2, 4])) == pytest.approx(0.3)

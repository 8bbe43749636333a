"""The budget of errors."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.verify.spend import BINS, Budget, Spending


def _spent(spending: Spending, errors: list[float]) -> tuple[int, float]:
    hits, cost = 0, 0.0
    for error in errors:
        spending.see(error)
        if error <= spending.line:
            hits += 1
            cost += error
    return hits, cost


def test_the_safest_are_hit_and_the_goal_is_spent() -> None:
    rng = random.Random(1)
    errors = [10 ** rng.uniform(-4, 0) for _ in range(20_000)]
    hits, cost = _spent(Spending(Budget(0.01)), errors)
    assert 0.005 < cost / len(errors) <= 0.0075
    assert hits > 5_000


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.floats(-4, -1), st.sampled_from([0.005, 0.01, 0.05]))
def test_more_than_the_budget_is_not_spent(seed: int, lowest: float, limit: float) -> None:
    rng = random.Random(seed)
    errors = [10 ** rng.uniform(lowest, 0) for _ in range(4_000)]
    _, cost = _spent(Spending(Budget(limit)), errors)
    assert cost <= limit * len(errors)


def test_a_model_that_is_too_sure_of_itself_is_answered_by_a_lower_line() -> None:
    rng = random.Random(2)
    spending = Spending(Budget(0.01))
    wrong = requests = 0
    for _ in range(20_000):
        error = 10 ** rng.uniform(-4, 0)
        spending.see(error)
        is_wrong = rng.random() < min(1.0, 4 * error)  # four times as often as predicted
        requests += 1
        if error <= spending.line:
            wrong += is_wrong
            if rng.random() < 0.1:
                spending.label(error, is_wrong, given=True)
        else:
            spending.label(error, is_wrong)
    assert spending.off > 2
    assert wrong / requests <= 0.0125


def test_errors_per_hit_are_bounded_too() -> None:
    rng = random.Random(3)
    errors = [10 ** rng.uniform(-4, 0) for _ in range(20_000)]
    loose, tight = Spending(Budget(0.05)), Spending(Budget(0.05, per_hit=0.002))
    _spent(loose, errors)
    hits, cost = _spent(tight, errors)
    assert cost / hits <= 0.002
    assert tight.line < loose.line


def test_no_hit_is_worse_than_the_worst() -> None:
    spending = Spending(Budget(0.01, worst=3.0))
    for _ in range(5_000):
        spending.see(1e-5)
    assert spending.line == pytest.approx(0.03)


def test_state_is_taken_up_again_and_damage_refused() -> None:
    rng = random.Random(4)
    spending, other = Spending(Budget()), Spending(Budget())
    for _ in range(3_000):
        error = 10 ** rng.uniform(-4, 0)
        spending.see(error)
        spending.label(error, rng.random() < error)
    kept = json.loads(json.dumps(spending.dump()))
    assert other.load(kept)
    assert other.off == pytest.approx(spending.off)
    assert other.line == pytest.approx(spending.line, rel=0.1)
    for damage in ({"errors": [1.0]}, {"hits": [-1.0] * BINS}, {"requests": "x"}, {"predicted": float("nan")}):
        assert not other.load({**kept, **damage})
    assert not other.load(None)
    assert other.off == spending.off

from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.budget import LEAST_PER_SECOND, TTL_SECONDS, RetryBudget

FLOOR = LEAST_PER_SECOND * TTL_SECONDS


def drained(budget: RetryBudget, now: float) -> int:
    made = 0
    while budget.withdraw(now):
        made += 1
    return made


def test_a_quiet_model_may_retry_a_little() -> None:
    budget = RetryBudget(0.2)
    assert drained(budget, 5.0) == FLOOR
    assert budget.refused == 1
    assert drained(budget, 5.0) == 0


def test_calls_earn_their_share_and_only_for_a_while() -> None:
    budget = RetryBudget(0.2)
    for _ in range(500):
        budget.deposit(0.0)
    assert budget.left(1.0) == FLOOR + 100
    assert budget.left(2 * TTL_SECONDS) == FLOOR
    assert drained(budget, 2 * TTL_SECONDS) == FLOOR


def test_what_was_spent_is_forgotten_too() -> None:
    budget = RetryBudget(0.2)
    drained(budget, 0.0)
    assert drained(budget, 3 * TTL_SECONDS) == FLOOR


def test_none_at_all_is_none_at_all() -> None:
    budget = RetryBudget(0.0)
    budget.deposit(0.0)
    assert not budget.withdraw(0.0)
    assert budget.left(0.0) == 0.0


@given(st.floats(0.01, 1.0), st.integers(1, 400), st.integers(1, 60))
def test_in_a_storm_retries_add_their_share_and_no_more(share: float, calls: int, seconds: int) -> None:
    """Every call fails, every second ``calls`` of them; each wants three retries."""
    budget, made = RetryBudget(share), 0
    for second in range(seconds):
        for _ in range(calls):
            budget.deposit(float(second))
            made += sum(budget.withdraw(float(second)) for _ in range(3))
    # What a window holds may be spent at its beginning and again at its end.
    allowed = (share * calls + LEAST_PER_SECOND) * (seconds + 2 * TTL_SECONDS)
    assert made <= allowed

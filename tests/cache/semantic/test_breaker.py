"""The breaker of the semantic cache."""

from __future__ import annotations

from penstock.cache.semantic.breaker import FAILURES, FIRST_REST, LONGEST_REST, Breaker


def trip(breaker: Breaker, now: float) -> bool:
    return [breaker.failed("nan", now) for _ in range(FAILURES)][-1]


def test_it_opens_after_failures_in_a_row_and_says_so_once() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert not breaker.failed("nan", 0.0)
    assert breaker.allows(0.0)
    assert breaker.failed("nan", 0.0)
    assert not breaker.allows(FIRST_REST - 0.1)
    assert breaker.allows(FIRST_REST)
    assert not breaker.failed("nan", FIRST_REST)  # it opens again at once, and says nothing new
    assert (breaker.trips, breaker.allows(FIRST_REST + 1)) == (2, False)


def test_one_that_goes_well_closes_it() -> None:
    breaker = Breaker()
    trip(breaker, 0.0)
    breaker.well()
    assert (breaker.why, breaker.allows(FIRST_REST)) == ("", True)
    for _ in range(FAILURES - 1):
        assert not breaker.failed("nan", FIRST_REST)
    assert breaker.failed("nan", FIRST_REST)


def test_the_rest_doubles_up_to_a_bound() -> None:
    breaker = Breaker()
    now = 0.0
    trip(breaker, now)
    for _ in range(20):
        now += LONGEST_REST
        breaker.failed("nan", now)
    assert not breaker.allows(now + LONGEST_REST - 1)
    assert breaker.allows(now + LONGEST_REST)

"""Tests that may be read at any moment: how often they are wrong, how soon they are right, over simulated streams."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.verify.bound import ALPHA, Bets, Interval

LIMIT = 0.01
LARGEST = 40.0


def _payoffs(rng: random.Random, rate: float, requests: int) -> list[tuple[int, float]]:
    """(request, payoff) of those that pay: 45 % hits, of which the risky third is checked more often."""
    found = []
    number = 0
    kinds = [(0.135, rate * 0.8 / 0.135, 0.08), (0.315, rate * 0.2 / 0.315, 0.025)]
    pays = sum(share * min(wrong, 1.0) * check for share, wrong, check in kinds)
    while True:
        number += int(rng.expovariate(pays)) + 1
        if number > requests:
            return found
        risky = rng.random() < kinds[0][0] * min(kinds[0][1], 1.0) * kinds[0][2] / pays
        found.append((number, 1.0 / kinds[0 if risky else 1][2]))


def _stop(rng: random.Random, rate: float, requests: int) -> int | None:
    bets = Bets(LIMIT, LARGEST, above=True)
    done = 0
    for number, payoff in _payoffs(rng, rate, requests):
        for _ in range(number - 1 - done):
            bets.see(0.0)
        done = number
        bets.see(payoff)
        if bets.value >= 1 / ALPHA:  # it rises only here: this is peeking after every request
            return number
    return None


def test_at_the_limit_it_hardly_ever_stops_although_it_is_read_all_the_time() -> None:
    rng = random.Random(1)
    streams = 1_000
    stopped = sum(_stop(rng, LIMIT, 3_000) is not None for _ in range(streams))
    assert stopped / streams <= ALPHA


def test_at_three_times_the_limit_it_stops_soon() -> None:
    rng = random.Random(2)
    stops = sorted(_stop(rng, 3 * LIMIT, 12_000) or 10**9 for _ in range(60))
    assert stops[30] < 7_000  # with 2.5 to 8 % of the hits checked; the watch checks more when it becomes suspicious
    assert _stop(rng, 10 * LIMIT, 12_000) is not None


def test_a_long_good_time_does_not_hide_what_comes_after() -> None:
    rng = random.Random(3)
    bets = Bets(LIMIT, LARGEST, above=True)
    for _ in range(30_000):
        bets.see(0.0)
    for _ in range(8_000):
        bets.see(12.5 if rng.random() < 0.05 * 0.08 else 0.0)
        if bets.value >= 1 / ALPHA:
            break
    assert bets.value >= 1 / ALPHA


def test_the_return_wants_evidence_and_comes_wrongly_hardly_ever() -> None:
    clean = Bets(LIMIT, 1.0, above=False)
    requests = 0
    while clean.value < 1 / ALPHA:
        clean.see(0.0)
        requests += 1
    assert 300 < requests < 1_500
    rng = random.Random(4)
    returned = 0
    for _ in range(200):
        bets = Bets(LIMIT, 1.0, above=False)
        for number in range(2_000):
            bets.see(float(rng.random() < LIMIT))
            if number % 8 == 0 and bets.value >= 1 / ALPHA:
                returned += 1
                break
    assert returned / 200 <= 2 * ALPHA  # α, and three standard deviations of 200 streams


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 5.0, 40.0]), max_size=200))
def test_a_correction_comes_to_the_same_as_knowing_at_once(payoffs: list[float]) -> None:
    at_once, late = Bets(LIMIT, LARGEST, above=True), Bets(LIMIT, LARGEST, above=True)
    for payoff in payoffs:
        at_once.see(payoff)
        late.see(0.0)
    for payoff in payoffs:
        if payoff:
            late.correct(payoff)
    assert late.value == pytest.approx(at_once.value)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.001, 0.01, 0.05]))
def test_the_interval_holds_the_rate(seed: int, rate: float) -> None:
    rng = random.Random(seed)
    interval = Interval(10.0, alpha=1e-6)
    for _ in range(500):
        interval.see(10.0 if rng.random() < rate / 10 else 0.0)
        low, high = interval.limits() if interval.count % 100 == 0 else (0.0, 1.0)
        assert low <= rate <= high


def test_the_interval_closes_in() -> None:
    interval = Interval(10.0)
    assert interval.limits() == (0.0, 1.0)
    for number in range(20_000):
        interval.see(0.0)
        if number % 1_000 == 0:
            interval.correct(10.0)
    low, high = interval.limits()
    assert 0.002 < low < interval.estimate == 0.01 < high < 0.03


def test_state_is_taken_up_again_and_damage_refused() -> None:
    bets, interval = Bets(LIMIT, LARGEST, above=True), Interval(LARGEST)
    for number in range(3_000):
        for one in (bets, interval):
            one.see(20.0 if number % 700 == 0 else 0.0)
    other, another = Bets(LIMIT, LARGEST, above=True), Interval(LARGEST)
    other.load(json.loads(json.dumps(bets.dump())))
    another.load(json.loads(json.dumps(interval.dump())))
    assert other.value == bets.value
    assert another.limits() == interval.limits()
    for damage in ({"capital": []}, {"capital": [["x"]]}, {"capital": [[float("nan")] * 4]}):
        with pytest.raises((ValueError, TypeError)):
            other.load({**bets.dump(), **damage})
    with pytest.raises((ValueError, TypeError)):
        another.load({**interval.dump(), "wealth": [[0.0]]})

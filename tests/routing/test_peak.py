import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.peak import TAU_SECONDS, Peak

samples = st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 100)), min_size=1, max_size=30)


def test_a_larger_sample_counts_at_once_a_smaller_one_slowly() -> None:
    peak = Peak()
    peak.learn(1.0, 0.0)
    peak.learn(5.0, 0.0)
    assert peak.value == 5.0
    peak.learn(1.0, TAU_SECONDS)
    assert peak.value == pytest.approx(1.0 + 4.0 / math.e)


def test_finagles_formula() -> None:
    peak, cost, before = Peak(), 0.0, 0.0
    for now, rtt in [(0.0, 0.3), (1.0, 0.1), (2.5, 0.2), (3.0, 0.9), (20.0, 0.05)]:
        weight = math.exp((before - now) / TAU_SECONDS)
        cost = rtt if rtt > cost else cost * weight + rtt * (1 - weight)
        peak.learn(rtt, now)
        before = now
        assert peak.value == pytest.approx(cost)


def test_in_a_silence_a_peak_comes_down_to_what_is_usual_and_no_lower() -> None:
    peak = Peak()
    peak.learn(30.0, 100.0)
    assert peak.at(100.0, 0.5) == 30.0
    assert peak.at(100.0 + TAU_SECONDS, 0.5) == pytest.approx(0.5 + 29.5 / math.e)
    assert peak.at(1e6, 0.5) == pytest.approx(0.5)
    assert peak.at(1e6, 40.0) == 30.0  # what was better than usual stays so
    assert peak.value == 30.0


def test_without_a_sample_it_is_as_usual() -> None:
    peak = Peak()
    assert (peak.value, peak.at(5.0, 0.7)) == (None, 0.7)
    assert repr(peak) == "<Peak None>"


@given(samples)
def test_it_stays_within_what_was_seen_even_when_times_go_backwards(seen: list[tuple[float, float]]) -> None:
    peak = Peak()
    values = []
    for value, now in seen:
        values.append(value)
        peak.learn(value, now)
        assert peak.value is not None
        assert min(values) - 1e-9 <= peak.value <= max(values) + 1e-9
        assert peak.value >= value


@given(samples, st.floats(0, 100), st.floats(0, 100), st.floats(0, 1000))
def test_it_never_rises_by_waiting(seen: list[tuple[float, float]], first: float, more: float, usual: float) -> None:
    peak = Peak()
    for value, now in seen:
        peak.learn(value, now)
    start = max(now for _, now in seen) + first
    assert peak.at(start + more, usual) <= peak.at(start, usual) + 1e-9

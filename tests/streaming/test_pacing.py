import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streaming.pacing import Bucket, SharedBuckets


def test_a_bucket_is_full_at_first_and_never_more_than_full() -> None:
    bucket = Bucket(10.0, 5, 0.0)
    assert bucket.level(100.0) == 5
    bucket.take(5, 100.0)
    assert bucket.level(100.2) == pytest.approx(2)
    assert bucket.wait(100.2) == 0


def test_a_debt_is_paid_by_waiting() -> None:
    bucket = Bucket(10.0, 5, 0.0)
    bucket.take(8, 0.0)
    assert bucket.wait(0.0) == pytest.approx(0.4)
    assert bucket.level(0.4) == pytest.approx(1)


@given(st.lists(st.floats(0, 3), max_size=50), st.floats(0.5, 100), st.integers(1, 20))
def test_never_more_than_burst_and_rate_allow(pauses: list[float], rate: float, burst: int) -> None:
    now, taken = 0.0, 0
    bucket = Bucket(rate, burst, now)
    for pause in pauses:
        now += pause
        while bucket.level(now) >= 1:
            bucket.take(1, now)
            taken += 1
    assert taken <= burst + rate * now + 1e-6


def test_time_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(10.0, 5, 10.0)
    bucket.take(5, 10.0)
    assert bucket.level(9.0) == 0


def test_keys_share_while_they_have_streams() -> None:
    keys = SharedBuckets()
    first = keys.join("a", 1.0, 2, 0.0)
    assert keys.join("a", 1.0, 2, 0.0) is first
    assert keys.join("b", 1.0, 2, 0.0) is not first
    keys.leave("a", 1.0, 2)
    assert len(keys) == 2
    keys.leave("a", 1.0, 2)
    keys.leave("b", 1.0, 2)
    assert len(keys) == 0

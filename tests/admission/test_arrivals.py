import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.admission.arrivals import KEPT, SECONDS, Arrivals
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL


def stream(seen: Arrivals, rank: int, a_second: int, seconds: int, since: float = 0.0) -> float:
    """So many calls each second; the moment after them."""
    for number in range(a_second * seconds):
        seen.roll(since + number / a_second)
        seen.note(rank, 1.0)
    end = since + seconds
    seen.roll(end)
    return end


def test_what_keeps_coming_counts_for_those_of_lower_classes() -> None:
    seen = Arrivals()
    stream(seen, NORMAL, 10, 4)
    assert [seen.better(rank) for rank in (HIGH, NORMAL, LOW, BATCH)] == [0.0, 0.0, 10.0, 10.0]


def test_a_burst_is_no_stream() -> None:
    seen = Arrivals()
    for second in range(8):
        seen.roll(float(second))
        if second == 4:
            for _ in range(1000):
                seen.note(HIGH, 1.0)
        assert seen.better(BATCH) == 0.0


def test_it_is_forgotten_when_no_more_come() -> None:
    seen = Arrivals()
    end = stream(seen, HIGH, 5, 4)
    assert seen.better(LOW) == 5.0
    seen.roll(end + SECONDS)
    assert seen.better(LOW) == 0.0
    end = stream(seen, HIGH, 5, KEPT, end + 1000.0)
    assert seen.better(LOW) == 5.0
    assert "5 a second" in repr(seen)


def test_who_may_sit_in_several_places_counts_in_part_in_each() -> None:
    seen = Arrivals()
    for second in range(KEPT + 1):
        seen.roll(float(second))
        seen.note(HIGH, 0.5)
    assert seen.better(LOW) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([HIGH, NORMAL, LOW, BATCH])), max_size=60))
def test_it_never_tells_more_than_came(calls: list[tuple[float, int]]) -> None:
    seen, now = Arrivals(), 0.0
    for gap, rank in calls:
        now += gap
        seen.roll(now)
        seen.note(rank, 1.0)
        lower = [seen.better(rank) for rank in (HIGH, NORMAL, LOW, BATCH)]
        assert lower == sorted(lower)
        assert lower[-1] * KEPT * SECONDS <= len(calls)

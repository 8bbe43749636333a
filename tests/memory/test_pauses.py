from hypothesis import given
from hypothesis import strategies as st

from penstock.memory.pauses import BOUNDS_SECONDS, Pauses


def test_sums_by_generation() -> None:
    pauses = Pauses()
    pauses.note(0.0, 0, 0.0001, 5, 0)
    pauses.note(1.0, 2, 0.3, 7, 2)
    pauses.note(2.0, 2, 5.0, 1, 0)
    told = pauses.dump(3.0)
    assert told["times"] == [1, 0, 2]
    assert told["freed"] == [5, 0, 8]
    assert told["stuck"] == 2
    assert told["longest"] == 5.0
    assert told["buckets"][0] == 1
    assert told["buckets"][-1] == 1


def test_a_minute_is_the_last_full_one_or_this() -> None:
    pauses = Pauses()
    pauses.note(61.0, 0, 0.2, 0, 0)
    assert pauses.a_minute(119.0) == 0.2
    assert pauses.a_minute(121.0) == 0.2
    pauses.note(122.0, 0, 0.3, 0, 0)
    assert pauses.a_minute(123.0) == 0.3
    assert pauses.a_minute(181.0) == 0.3
    assert pauses.a_minute(241.0) == 0.0  # a minute without any
    pauses.note(250.0, 0, 0.1, 0, 0)
    assert pauses.a_minute(1000.0) == 0.0


@given(st.lists(st.floats(0, 10)))
def test_every_pause_is_in_one_bucket(seconds: list[float]) -> None:
    pauses = Pauses()
    for one in seconds:
        pauses.note(0.0, 1, one, 0, 0)
    told = pauses.dump(0.0)
    assert sum(told["buckets"]) == len(seconds) == told["times"][1]
    assert len(told["buckets"]) == len(BOUNDS_SECONDS) + 1
    assert told["longest"] == max(seconds, default=0.0)


def test_the_worst_is_that_since_it_was_asked_last() -> None:
    pauses = Pauses()
    assert pauses.take_worst() == 0.0
    for seconds in (0.1, 0.3, 0.2):
        pauses.note(0.0, 0, seconds, 0, 0)
    assert (pauses.take_worst(), pauses.take_worst(), pauses.longest) == (0.3, 0.0, 0.3)

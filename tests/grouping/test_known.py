from hypothesis import given
from hypothesis import strategies as st

from penstock.grouping.known import Known


def test_one_counts_for_a_while_after_its_last_use() -> None:
    known = Known(10.0, 4)
    known.put(1, "a", 0.0)
    assert known.where(1, 9.0) == "a"
    assert known.where(1, 18.0) == "a"  # used at 9
    assert known.where(1, 28.0) == ""
    assert len(known) == 0
    assert known.where(2, 0.0) == ""


def test_what_turned_out_wrong_is_forgotten_once() -> None:
    known = Known(10.0, 4)
    known.put(1, "a", 0.0)
    assert known.forget(1)
    assert not known.forget(1)


def test_without_time_nothing_is_remembered() -> None:
    known = Known(0.0, 4)
    known.put(1, "a", 0.0)
    assert known.where(1, 0.0) == ""


@given(st.lists(st.integers(0, 20)), st.integers(1, 5))
def test_it_keeps_the_last_used_and_no_more_than_its_bound(keys: list[int], bound: int) -> None:
    known = Known(1e9, bound)
    for moment, key in enumerate(keys):
        known.put(key, str(key), float(moment))
    last = list(dict.fromkeys(reversed(keys)))[:bound]
    assert len(known) == len(last)
    assert all(known.where(key, float(len(keys))) == str(key) for key in last)

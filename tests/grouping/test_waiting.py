from hypothesis import given
from hypothesis import strategies as st

from penstock.grouping.waiting import Group, numbered, patience, words
from tests.support.grouping import member


@given(st.lists(st.integers(0, 3), max_size=20))
def test_members_leave_by_priority_and_then_in_the_order_they_came(priorities: list[int]) -> None:
    group = Group("g", 1, 0.0)
    for number, priority in enumerate(priorities):
        place = group.join(member(number, priority))
        assert place == sum(earlier <= priority for earlier in priorities[:number]) + 1
    left = []
    while (one := group.next()) is not None:
        left.append((one.exchange.priority, one.number))
    assert left == sorted(zip(priorities, range(len(priorities)), strict=True))
    assert group.size == len(priorities)


def test_what_all_share_is_the_least() -> None:
    group = Group("g", 1, 0.0)
    for number, shared in enumerate((500, 300, 400)):
        group.join(member(number, shared=shared))
    assert group.shared == 300
    assert group.told(2.5) == {
        "id": "g", "size": 3, "waiting": 3, "upstream": "", "prefix_bytes": 300, "seconds": 2.5,
    }  # fmt: skip


def test_leaving_twice_is_leaving_once() -> None:
    group = Group("g", 1, 0.0)
    one = member()
    group.join(one)
    one.vector = object()
    group.leave(one)
    group.leave(one)
    assert (group.members, group.next()) == ([], None)


@given(st.floats(-10, 1000), st.floats(0, 100), st.floats(0.01, 100))
def test_patience_leaves_time_for_the_call_itself(left: float, own: float, most: float) -> None:
    wait = patience(left, own, most)
    assert 0.0 <= wait <= most
    assert not wait or wait + own < left


def test_what_is_told_in_the_header() -> None:
    group = Group("g1-a", 1, 0.0)
    group.size = 3
    assert words(group, 0.0123, 4096) == "g1-a; size=3; wait=12.3ms; prefix=4096B"


def test_names_are_never_given_twice() -> None:
    name = numbered(10)
    assert (name(), name()) == ("ga-1", "ga-2")

"""Who waits, who is shed and who is served; and that each call that waits leaves exactly once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.admission.queue import Queue, Refused
from penstock.admission.waiter import Waiter
from penstock.core.priority import BATCH, HIGH, LOW, NAMES, NORMAL
from tests.support.waiting import place, waiter


def queue(calls: int = 100, per_key: int = 100, guard: int = 20) -> Queue:
    return Queue(calls, per_key, guard)


def served(those: Queue, *at: Any) -> list[Waiter]:
    """All of them, in the order in which they are given seats at these places."""
    order: list[Waiter] = []
    while True:
        taken = [one for one in (those.take(here) for here in at) if one is not None]
        if not taken:
            return order
        order += taken


def test_the_best_class_is_served_first() -> None:
    here, those = place(), queue()
    calls = [waiter("k", here, rank=rank) for rank in (BATCH, NORMAL, LOW, HIGH)]
    for one in calls:
        assert those.join(one, 0.0) == []
    assert those.by_class == [1, 1, 1, 1]
    assert [one.rank for one in served(those, here)] == [HIGH, NORMAL, LOW, BATCH]
    assert (those.size, those.by_class, those.take(here)) == (0, [0, 0, 0, 0], None)


def test_a_free_seat_goes_to_a_call_that_can_use_it() -> None:
    one, other, third = place("a"), place("b"), place("c")
    those = queue()
    first, second = waiter("k", one), waiter("k", other, rank=LOW)
    those.join(first, 0.0)
    those.join(second, 0.0)
    assert those.take(third) is None
    assert those.take(other) is second
    assert those.take(one) is first


def test_calls_that_can_use_one_place_and_more_make_one_line() -> None:
    one, other = place("a"), place("b")
    those = queue()
    alone, beside, either = waiter("k", one), waiter("l", other), waiter("m", one, other, rank=HIGH)
    for joining in (alone, beside, either):
        those.join(joining, 0.0)
    assert one.line is other.line is not None
    assert those.position(alone) == 2
    assert those.take(other) is either
    assert those.take(other) is beside
    assert those.take(other) is None
    assert those.take(one) is alone
    assert one.line is other.line is None


def test_one_that_moves_keeps_its_turn() -> None:
    one, other = place("a"), place("b")
    those = queue()
    calls = [waiter("k", one), waiter("k", other)]
    for joining in calls:
        those.join(joining, 0.0)
    those.move(calls[0], (other,))
    assert served(those, one, other) == calls


def test_a_full_queue_sheds_the_worst_call_of_the_lowest_class() -> None:
    here, those = place(), queue(calls=3)
    calls = [
        waiter("k", here, rank=LOW), waiter("k", here, rank=BATCH, deadline=5.0), waiter("k", here, rank=BATCH),
    ]  # fmt: skip
    for one in calls:
        those.join(one, 0.0)
    better = waiter("l", here, rank=NORMAL)
    assert those.join(better, 0.0) == [calls[2]]
    assert those.join(waiter("l", here, rank=BATCH), 0.0) == Refused("full", 0.0)  # no better: its keys has as many
    assert served(those, here) == [better, calls[0], calls[1]]


def test_of_a_full_class_the_key_with_the_most_calls_makes_room() -> None:
    here, those = place(), queue(calls=4)
    flood = [waiter("flood", here) for _ in range(4)]
    for one in flood:
        those.join(one, 0.0)
    assert those.join(waiter("flood", here), 0.0) == Refused("full", 0.0)
    assert those.join(waiter("quiet", here), 0.0) == [flood[3]]
    assert those.join(waiter("quiet", here), 0.0) == [flood[2]]
    assert those.join(waiter("quiet", here), 0.0) == Refused("full", 0.0)  # two each
    assert those.join(waiter("paid", here, weight=3.0), 0.0) == [flood[1]]


def test_a_key_has_a_bound_of_its_own_and_makes_room_for_its_own_better_calls() -> None:
    here, those = place(), queue(per_key=2)
    low = [waiter("k", here, rank=LOW) for _ in range(2)]
    for one in low:
        those.join(one, 0.0)
    assert those.join(waiter("k", here, rank=LOW), 0.0) == Refused("share", 0.0)
    assert those.join(waiter("k", here), 0.0) == [low[1]]
    assert those.join(waiter("l", here, rank=LOW), 0.0) == []


def test_who_would_be_served_too_late_is_told_at_once() -> None:
    here, those = place(limit=2, hold=4.0), queue()  # a seat every two seconds
    assert those.join(waiter("k", here, deadline=7.0), 0.0) == []
    assert those.join(waiter("k", here, deadline=7.9), 0.0) == Refused("late", 4.0)  # the answer takes four more
    assert those.join(waiter("k", here, deadline=8.0), 0.0) == []
    assert those.join(waiter("k", here, patience=5.0), 0.0) == Refused("late", 6.0)
    assert those.join(waiter("k", here, rank=HIGH, patience=5.0), 0.0) == []  # goes before them
    assert those.expected(waiter("l", here)) == pytest.approx(6.0)  # two of the high and of its own turn are before it
    unknown = place()
    assert those.join(waiter("k", unknown, deadline=0.001), 0.0) == []  # nobody knows how long calls take there


def test_one_that_was_served_already_goes_first_and_is_never_shed() -> None:
    here, those = place(), queue(calls=2)
    back, other = waiter("k", here, rank=LOW, front=True), waiter("k", here, rank=LOW)
    those.join(other, 0.0)
    those.join(back, 0.0)
    assert those.position(back) == 1
    assert those.join(waiter("k", here, rank=HIGH), 0.0) == [other]
    assert those.join(waiter("l", here, rank=LOW), 0.0) == Refused("full", 0.0)
    assert [one.front for one in served(those, here)] == [False, True]


def test_to_remove_twice_is_to_remove_once() -> None:
    here, those = place(), queue()
    one = waiter("k", here)
    those.join(one, 0.0)
    those.remove(one)
    those.remove(one)
    assert (those.size, those.take(here), here.line) == (0, None, None)


PLACES = 3


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What happens to a queue: calls come, leave, move; seats come free."""
    arrival = st.tuples(
        st.just("join"),
        st.tuples(
            st.sampled_from("abcd"),
            st.integers(0, 3),
            st.sets(st.integers(0, PLACES - 1), min_size=1),
            st.floats(0, 100),
            st.sampled_from([0.5, 1.0, 4.0]),
            st.booleans(),
        ),
    )
    act = st.one_of(
        arrival,
        arrival,
        st.tuples(st.just("take"), st.integers(0, PLACES - 1)),
        st.tuples(st.just("leave"), st.integers(0, 1000)),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 1000), st.sets(st.integers(0, PLACES - 1), min_size=1))),
    )
    return draw(st.lists(act, max_size=60))


@settings(max_examples=300, deadline=None)
@given(stories(), st.integers(1, 8), st.integers(1, 6))
def test_each_call_that_waits_leaves_exactly_once_and_no_bound_is_passed(
    story: list[tuple[str, Any]], calls: int, per_key: int
) -> None:
    those, places = Queue(calls, per_key, guard=3), [place(str(number)) for number in range(PLACES)]
    inside: list[Waiter] = []
    for what, given_ in story:
        if what == "join":
            key, rank, at, deadline, weight, front = given_
            one = waiter(
                key, *(places[number] for number in sorted(at)), rank=rank, deadline=deadline,
                weight={"a": weight}.get(key, 1.0), front=front,
            )  # fmt: skip
            told = those.join(one, 0.0)
            assert not (front and isinstance(told, Refused))
            if not isinstance(told, Refused):
                for shed in told:
                    assert not shed.front
                    assert shed.rank > rank or (shed.rank == rank and (front or shed.key != key))
                    inside.remove(shed)
                inside.append(one)
        elif what == "take":
            taken = those.take(places[given_])
            usable = [one for one in inside if places[given_] in one.places]
            assert (taken is None) == (not usable)
            if taken is not None:
                assert places[given_] in taken.places
                inside.remove(taken)
        elif inside and what == "leave":
            those.remove(inside.pop(given_ % len(inside)))
        elif inside and what == "move":
            at, to = given_
            those.move(inside[at % len(inside)], tuple(places[number] for number in sorted(to)))
        assert sorted(one.number for one in those.waiters()) == sorted(one.number for one in inside)
        assert those.size == len(inside) <= calls + sum(one.front for one in inside)
        assert those.by_class == [sum(one.rank == rank for one in inside) for rank in range(len(NAMES))]
        for one in inside:
            assert 1 <= those.position(one) <= len(inside)
    assert len(served(those, *places)) == len(inside)
    assert (those.size, [here.line for here in places]) == (0, [None] * PLACES)

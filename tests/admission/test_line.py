"""Which class gets the next seat; that none waits for ever, and that none is passed by without reason."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.admission.line import Line
from penstock.admission.place import Place
from penstock.admission.waiter import Waiter
from penstock.core.priority import BATCH, HIGH, LOW, NAMES, NORMAL
from tests.support.waiting import place, waiter


def line(*those: Waiter, guard: int = 0) -> Line:
    made = Line(guard)
    for number, one in enumerate(those, 1):
        one.number = number
        made.add(one)
    return made


def served(those: Line, here: Place) -> list[Waiter]:
    order = []
    while (one := those.next(here)) is not None:
        those.serve(one, here)
        order.append(one)
    return order


def test_the_best_class_goes_first_and_without_a_guard_always() -> None:
    here = place()
    those = line(*(waiter("k", here, rank=HIGH) for _ in range(50)), waiter("k", here, rank=BATCH))
    assert [one.rank for one in served(those, here)] == [HIGH] * 50 + [BATCH]


def test_a_class_that_was_passed_by_so_often_gets_the_next_seat() -> None:
    here = place()
    high = [waiter("k", here, rank=HIGH) for _ in range(12)]
    low = [waiter("k", here, rank=LOW) for _ in range(3)]
    those = line(*high, *low, guard=4)
    promoted = []
    ranks = []
    while (one := those.next(here)) is not None:
        promoted.append(those.serve(one, here))
        ranks.append(one.rank)
    assert ranks == ([HIGH] * 4 + [LOW]) * 3
    assert promoted == [rank == LOW and at < 14 for at, rank in enumerate(ranks)]  # at last there was nobody better


def test_of_several_that_were_passed_by_each_has_its_turn_the_longest_first() -> None:
    here = place()
    those = line(*(waiter("k", here, rank=HIGH) for _ in range(9)), waiter("k", here, rank=BATCH), guard=3)
    first = those.next(here)
    assert first is not None
    those.serve(first, here)
    normal = waiter("k", here, rank=NORMAL)
    normal.number = 99
    those.add(normal)
    assert [one.rank for one in served(those, here)][:5] == [HIGH, HIGH, BATCH, HIGH, NORMAL]
    those = line(
        *(waiter("k", here, rank=HIGH) for _ in range(9)), waiter("k", here, rank=LOW), waiter("k", here, rank=BATCH),
        guard=2,
    )  # fmt: skip
    assert [one.rank for one in served(those, here)][:5] == [HIGH, HIGH, LOW, BATCH, HIGH]


def test_a_class_is_passed_by_only_where_it_could_have_sat() -> None:
    here, there = place("here"), place("there")
    those = line(*(waiter("k", here, there, rank=HIGH) for _ in range(6)), waiter("k", there, rank=LOW), guard=2)
    for _ in range(4):
        one = those.next(here)
        assert one is not None
        assert one.rank == HIGH
        those.serve(one, here)
    assert those.passed[LOW] == 0
    one = those.next(there)
    assert one is not None
    assert one.rank == HIGH


def test_calls_with_different_places_share_a_place_by_the_number_of_their_keys() -> None:
    shared, other = place("shared"), place("other")
    wide = [waiter("w", shared, other) for _ in range(6)]
    narrow = [waiter(key, shared) for key in "abc" for _ in range(3)]
    those = line(*wide, *narrow)
    keys = [one.key for one in served(those, shared)]
    assert 1 <= keys[:4].count("w") <= 2
    assert keys[:8].count("w") <= 3


def test_a_line_that_is_empty_lets_its_places_go() -> None:
    here = place()
    one = waiter("k", here)
    those = line(one)
    lines = [here.line]
    those.remove(one)
    lines.append(here.line)
    assert lines == [those, None]
    assert (those.size, list(those.waiters())) == (0, [])
    assert those.next(here) is None


def test_the_worst_of_a_key_may_sit_on_any_bench() -> None:
    here, there = place("here"), place("there")
    soon, late = waiter("k", here, there, deadline=1.0), waiter("k", here, deadline=9.0)
    those = line(soon, late)
    assert those.worst(NORMAL, "k") is late
    assert those.worst(NORMAL, "l") is None
    assert sorted(one.number for one in those.waiters()) == [1, 2]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(range(len(NAMES))), min_size=1, max_size=120),
    st.lists(st.booleans(), max_size=240),
    st.integers(1, 5),
)
def test_no_class_is_passed_by_for_long_and_a_better_one_only_for_that(
    ranks: list[int], arrivals: list[bool], guard: int
) -> None:
    """Calls come at any time; a seat comes free after each."""
    here = place()
    those = Line(guard)
    coming = [waiter(f"k{at % 3}", here, rank=rank) for at, rank in enumerate(ranks)]
    for number, one in enumerate(coming, 1):
        one.number = number
    waiting = [0] * len(NAMES)
    passed = [0] * len(NAMES)
    story = iter(arrivals)
    while coming or those.size:
        if coming and (not those.size or next(story, False)):
            one = coming.pop()
            those.add(one)
            waiting[one.rank] += 1
            continue
        got = those.next(here)
        assert got is not None
        better = [rank for rank in range(got.rank) if waiting[rank]]
        assert those.serve(got, here) == bool(better)
        if better:
            assert passed[got.rank] >= guard
        waiting[got.rank] -= 1
        for rank in range(len(NAMES)):
            passed[rank] = passed[rank] + 1 if waiting[rank] and rank > got.rank else passed[rank]
            if rank == got.rank or not waiting[rank]:
                passed[rank] = 0
            assert passed[rank] <= guard + len(NAMES)

"""Fair between keys, the earliest deadline first for each: that no key gets more than its share is said as a law."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.admission.bench import MOST_COUNTED, MOST_IDLE, Bench
from penstock.admission.waiter import Waiter
from tests.support.waiting import place, waiter

HERE = place()


def bench(*those: Waiter) -> Bench:
    made = Bench((HERE,))
    for number, one in enumerate(those, 1):
        one.number = number
        made.add(one)
    return made


def served(those: Bench) -> list[Waiter]:
    order = []
    while those.size:
        order.append(those.head)
        those.serve(those.head)
    return order


def test_keys_take_turns_however_many_calls_one_has() -> None:
    those = bench(*(waiter("flood") for _ in range(4)), waiter("quiet"), waiter("quiet"))
    assert [one.key for one in served(those)] == ["flood", "quiet", "flood", "quiet", "flood", "flood"]


def test_a_heavier_key_has_more_turns() -> None:
    those = bench(*(waiter("a", weight=3.0) for _ in range(6)), *(waiter("b") for _ in range(2)))
    keys = [one.key for one in served(those)]
    assert keys[:8].count("a") == 6
    assert keys[:4].count("a") == 3


def test_a_costly_call_takes_more_of_the_share() -> None:
    those = bench(*(waiter("dear", cost=3.0) for _ in range(2)), *(waiter("cheap") for _ in range(6)))
    keys = [one.key for one in served(those)]
    assert keys[:5].count("cheap") >= 3


def test_of_one_key_the_earliest_deadline_goes_first_and_between_keys_it_does_not_count() -> None:
    late, soon, other = waiter("k", deadline=90.0), waiter("k", deadline=30.0), waiter("l", deadline=60.0)
    assert served(bench(late, soon, other)) == [soon, other, late]


def test_who_was_served_goes_before_all_others_in_the_order_in_which_they_came() -> None:
    plain, back, again = waiter("k"), waiter("l", front=True), waiter("m", front=True)
    those = bench(plain, back, again)
    assert [those.ahead(one) for one in (plain, back, again)] == [2, 0, 1]
    assert served(those) == [back, again, plain]


def test_a_key_that_comes_back_has_not_saved_up_turns_nor_lost_its_debt() -> None:
    those = bench(*(waiter("busy") for _ in range(10)))
    for _ in range(5):
        those.serve(those.head)
    newcomer, again = waiter("new"), waiter("new")
    newcomer.number, again.number = 20, 21
    those.add(newcomer)
    those.add(again)
    assert [one.key for one in served(those)][:4] == ["new", "busy", "new", "busy"]  # not both at once
    those = bench(waiter("a"), waiter("b"))
    those.serve(those.head)
    debtor = waiter("a")
    debtor.number = 9
    those.add(debtor)
    assert [one.key for one in served(those)] == ["b", "a"]


def test_the_last_of_a_key_is_the_one_with_the_latest_deadline() -> None:
    soon, late = waiter("k", deadline=1.0), waiter("k", deadline=9.0)
    those = bench(late, soon)
    assert (those.last("k"), those.last("l")) == (late, None)


def test_how_many_are_ahead_is_estimated_where_there_are_many_keys() -> None:
    those = bench(*(waiter(f"k{number}") for number in range(4 * MOST_COUNTED)))
    newcomer = waiter("new")
    newcomer.number = 10_000
    assert 3 * MOST_COUNTED < those.ahead(newcomer) <= 4 * MOST_COUNTED


def test_keys_that_are_gone_are_not_remembered_for_ever() -> None:
    those = bench(waiter("stays", deadline=1e9))
    for number in range(3 * MOST_IDLE):
        one = waiter(f"k{number}", deadline=1.0)
        one.number = number + 10
        those.add(one)
        those.remove(one)
        assert len(those.tags) <= MOST_IDLE + 2
    assert those.size == 1


KEYS = {"a": 1.0, "b": 2.0, "c": 0.5}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(KEYS)), st.sampled_from([1.0, 2.0, 5.0])), min_size=2, max_size=60),
    st.integers(1, 60),
)
def test_no_key_gets_ahead_of_another_by_more_than_a_call_of_each(calls: list[tuple[str, float]], turns: int) -> None:
    those = bench(*(waiter(key, cost=cost, weight=KEYS[key]) for key, cost in calls))
    most = {key: max((cost for other, cost in calls if other == key), default=0.0) / KEYS[key] for key in KEYS}
    given_ = dict.fromkeys(KEYS, 0.0)
    for _ in range(min(turns, len(calls))):
        head = those.head
        those.serve(head)
        given_[head.key] += head.cost / KEYS[head.key]
        waiting = [key for key in KEYS if key in those.calls]
        for one in waiting:
            for other in waiting:
                assert abs(given_[one] - given_[other]) <= most[one] + most[other] + 1e-9


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), min_size=1, max_size=40))
def test_with_equal_keys_the_count_ahead_is_the_number_of_those_that_go_before(calls: list[tuple[str, float]]) -> None:
    made = [waiter(key, deadline=deadline) for key, deadline in calls]
    those = bench(*made)
    told = {one: those.ahead(one) for one in made}
    for position, one in enumerate(served(those)):
        assert abs(told[one] - position) <= 2  # keys whose turns fall together go by their names

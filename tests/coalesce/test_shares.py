from hypothesis import given
from hypothesis import strategies as st

from penstock.coalesce.shares import joined, parts, settle, show
from tests.support.flights import asking


@given(st.integers(0, 10**9), st.integers(1, 500))
def test_parts_sum_up_and_differ_by_one_at_most(amount: int, number: int) -> None:
    made = parts(amount, number)
    assert (len(made), sum(made)) == (number, amount)
    assert max(made) - min(made) <= 1
    assert made == sorted(made, reverse=True)


@given(st.booleans(), st.integers(1, 9), st.integers(0, 99))
def test_what_was_used_is_borne_exactly_once(split: bool, number: int, tokens: int) -> None:
    flight = asking()
    flight.tokens_in, flight.tokens_out, flight.tokens_cached = tokens, tokens * 2, tokens // 2
    flight.tokens_reasoning = tokens // 3
    flight.rescues, flight.failures = ["prefill"], [("cut", "up")]
    present = [asking() for _ in range(number)]
    settle(present, flight, split=split)
    for name in ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"):
        assert sum(getattr(one, name) for one in present) == getattr(flight, name)
    assert [one.rescues for one in present] == [["prefill"], *[None] * (number - 1)]
    assert sum(len(one.failures or ()) for one in present) == 1


def test_what_is_shown_leaves_alone_what_rooms_above_noted() -> None:
    flight, one = asking(), asking()
    flight.upstream, flight.attempts, flight.notes = "up", 3, {"b": "2"}
    one.cache, one.notes = "miss", {"a": "1"}
    show(one, flight)
    assert (one.upstream, one.attempts, one.cache, one.notes) == ("up", 3, "miss", {"a": "1", "b": "2"})
    assert flight.notes == {"b": "2"}


def test_waits_add_up_for_who_leads_and_are_the_flights_own_for_who_joins() -> None:
    flight, leader, joiner = asking(), asking(), asking()
    flight.queued, flight.place = 2.0, 5
    leader.queued, leader.place = 1.0, 3
    joiner.queued, joiner.place = 0.5, 1
    show(leader, flight, leads=True)
    show(joiner, flight, leads=False)
    assert (leader.queued, leader.place) == (3.0, 3)
    assert (joiner.queued, joiner.place) == (0.5, 1)


def test_each_wait_has_its_room() -> None:
    flight, leader, joiner = asking(), asking(), asking()
    flight.note_wait("admission", 2.0)
    leader.note_wait("body", 1.0)
    show(leader, flight, leads=True)
    show(joiner, flight, leads=False)
    assert leader.waits == {"body": 1.0, "admission": 2.0}
    assert joined(joiner, 0.5) == 0.5
    assert (joiner.waits, joiner.queued) == ({"coalesce": 0.5}, 0.0), "it waited for an upstream, in this room"

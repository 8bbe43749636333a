import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call, Operation
from penstock.core.exchange import MOST_ROOMS, Exchange
from penstock.core.trace import Trace


class Ground:
    """A generation without anything on it."""

    def enter(self) -> None:
        pass

    def leave(self) -> None:
        pass


def exchange() -> Exchange:
    body: Any = None
    made = Exchange("req_1", Call(Operation("chat", "openai", ""), "POST", "/", b"", [], ""), 10.0, 70.0, body)
    made.key, made.scope, made.generation = "key-1", "team", Ground()
    return made


@given(count=st.integers(0, 8), failing=st.sets(st.integers(0, 7)))
def test_what_is_deferred_runs_last_in_first_out_once_each_whatever_fails(count: int, failing: set[int]) -> None:
    one = exchange()
    ran: list[int] = []

    def act(number: int) -> None:
        ran.append(number)
        if number in failing:
            raise ZeroDivisionError

    for number in range(count):
        one.defer(lambda given, number=number: act(number))
    logging.getLogger("penstock").disabled = True
    try:
        one.finish("ok", 12.0)
        one.finish("error", 13.0)
    finally:
        logging.getLogger("penstock").disabled = False
    assert ran == list(reversed(range(count)))
    assert (one.outcome, one.ended) == ("ok", 12.0)


def test_it_gets_the_exchange() -> None:
    one = exchange()
    got: list[Exchange] = []
    one.defer(got.append)
    one.finish("left", 11.0)
    assert got == [one]


def test_deferred_after_the_end_it_runs_at_once() -> None:
    one = exchange()
    one.finish("ok", 11.0)
    ran: list[str] = []
    one.defer(lambda _: ran.append("late"))
    assert ran == ["late"]


def test_deferred_by_a_clean_up_it_runs_too() -> None:
    one = exchange()
    ran: list[str] = []
    one.defer(lambda _: ran.append("first"))
    one.defer(lambda given: (ran.append("last"), given.defer(lambda _: ran.append("of the last")))[0])
    one.finish("ok", 11.0)
    assert ran == ["last", "of the last", "first"]


def test_finishing_within_a_clean_up_runs_nothing_twice() -> None:
    one = exchange()
    ran: list[int] = []
    one.defer(lambda _: ran.append(1))
    one.defer(lambda given: given.finish("error", 99.0))
    one.finish("ok", 11.0)
    assert ran == [1]
    assert one.outcome == "ok"


def test_a_failing_clean_up_is_logged_with_the_id(caplog: pytest.LogCaptureFixture) -> None:
    one = exchange()
    one.defer(lambda _: {}["missing"])
    logger = logging.getLogger("penstock")
    propagate, logger.propagate = logger.propagate, True
    try:
        one.finish("ok", 11.0)
    finally:
        logger.propagate = propagate
    assert "req_1" in caplog.text
    assert "missing" in caplog.text


def test_a_fork_has_its_own_id_and_clean_up_and_is_charged_to_the_same_key() -> None:
    one = exchange()
    first, second = one.fork("hedge"), one.fork("hedge")
    assert len({one.id, first.id, second.id}) == 3
    assert first.id.startswith(one.id)
    assert (first.key, first.scope, first.generation) == (one.key, one.scope, one.generation)
    assert (first.started, first.deadline) == (one.started, one.deadline)
    ran: list[str] = []
    one.defer(lambda _: ran.append("parent"))
    first.defer(lambda _: ran.append("fork"))
    one.finish("ok", 11.0)
    assert ran == ["parent"]
    assert first.outcome is None
    first.finish("ok", 12.0)
    assert ran == ["parent", "fork"]


def test_a_fork_works_within_the_same_trace() -> None:
    one = exchange()
    assert one.fork("flight").trace is None
    one.trace = Trace("ab" * 16, 1, "", 1, b"", True, 0.0)
    fork = one.fork("flight")
    assert fork.trace is not None
    fork.trace.ask("u", "m", 0.0)
    assert len(one.trace.attempts) == 1, "what is asked for several stands in the trace of the first"


def test_a_fork_may_have_another_deadline() -> None:
    one = exchange()
    fork = one.fork("warm")
    fork.deadline = 500.0
    assert one.deadline == 70.0


def test_what_is_shown_of_it() -> None:
    one = exchange()
    assert "running" in repr(one)
    one.finish("left", 11.0)
    assert "left" in repr(one)


def test_waits_add_up_by_room() -> None:
    one, other = exchange(), exchange()
    one.note_wait("admission", 0.5)
    one.note_wait("admission", 0.25)
    one.name_wait("coalesce", 2.0)
    assert (one.queued, one.waits) == (0.75, {"admission": 0.75, "coalesce": 2.0})
    other.share_waits(one)
    other.share_waits(exchange())
    assert (other.queued, other.waits) == (0.75, one.waits)


def test_rooms_are_noted_only_where_that_is_asked_for_and_only_so_many() -> None:
    plain, timed = exchange(), exchange()
    timed.rooms = []
    child = timed.fork("flight")
    for number in range(100):
        plain.note_room("cache", number)
        child.note_room("cache", number)
    assert plain.rooms is None
    assert timed.rooms is child.rooms
    assert len(timed.rooms) == MOST_ROOMS

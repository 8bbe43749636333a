import logging
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.deadlines import HORIZON_SECONDS, Wheel

TICK = 0.05


class Item:
    def __init__(self, due: float = 0.0) -> None:
        self.due = due
        self.wheel_at = 0.0
        self.expired_at: list[float] = []

    def expire(self, now: float) -> None:
        self.expired_at.append(now)


def turn_until(wheel: Wheel, start: float, end: float, step: float = TICK) -> None:
    now = start
    while now < end:
        now += step
        wheel.turn(now)


def test_it_expires_once_and_not_early() -> None:
    wheel = Wheel(TICK, 100.0)
    item = Item(101.0)
    wheel.watch(item)
    wheel.turn(100.99)
    assert item.expired_at == []
    turn_until(wheel, 101.0, 105.0)
    assert len(item.expired_at) == 1
    assert 101.0 <= item.expired_at[0] <= 101.0 + 2 * TICK
    assert item.due == 0.0


def test_moved_later_by_a_plain_assignment() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(1.0)
    wheel.watch(item)
    item.due = 3.0
    turn_until(wheel, 0.0, 2.9)
    assert item.expired_at == []
    turn_until(wheel, 2.9, 3.2)
    assert len(item.expired_at) == 1


def test_moved_earlier_by_watching_again() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(100.0)
    wheel.watch(item)
    item.due = 1.0
    wheel.watch(item)
    turn_until(wheel, 0.0, 101.0)
    assert len(item.expired_at) == 1
    assert item.expired_at[0] <= 1.0 + 2 * TICK


def test_what_has_no_deadline_any_more_does_not_expire() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(1.0)
    wheel.watch(item)
    item.due = 0.0
    assert wheel.turn(10.0) == 0
    assert item.expired_at == []


def test_a_deadline_in_the_past_expires_at_the_next_turn() -> None:
    wheel = Wheel(TICK, 50.0)
    wheel.turn(60.0)
    item = Item(10.0)
    wheel.watch(item)
    wheel.turn(60.0 + 2 * TICK)
    assert len(item.expired_at) == 1


def test_a_wheel_that_was_not_turned_for_long_catches_up() -> None:
    wheel = Wheel(TICK, 0.0)
    items = [Item(second + 0.5) for second in range(1000)]
    for item in items:
        wheel.watch(item)
    assert wheel.turn(500.0) == 500
    assert wheel.turn(1e9) == 500
    assert all(len(item.expired_at) == 1 for item in items)


def test_what_expires_may_take_a_new_deadline() -> None:
    wheel = Wheel(TICK, 0.0)

    class Again(Item):
        def expire(self, now: float) -> None:
            super().expire(now)
            self.due = now + 1.0

    item = Again(1.0)
    wheel.watch(item)
    turn_until(wheel, 0.0, 5.5)
    gaps = [later - earlier for earlier, later in zip(item.expired_at, item.expired_at[1:], strict=False)]
    assert len(item.expired_at) in (4, 5)
    assert all(1.0 <= gap <= 1.0 + 3 * TICK for gap in gaps)


def test_one_that_fails_does_not_cost_the_others_their_deadlines(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Item):
        def expire(self, now: float) -> None:
            raise ZeroDivisionError

    wheel = Wheel(TICK, 0.0)
    broken, fine = Broken(1.0), Item(1.0)
    wheel.watch(broken)
    wheel.watch(fine)
    logger = logging.getLogger("penstock")
    propagate, logger.propagate = logger.propagate, True
    try:
        assert wheel.turn(2.0) == 2
    finally:
        logger.propagate = propagate
    assert len(fine.expired_at) == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_tick_must_be_positive() -> None:
    with pytest.raises(ValueError):
        Wheel(0.0, 0.0)


def test_watching_again_and_again_files_nothing_more() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(10.0)
    for moment in range(1000):
        item.due = 10.0 + moment
        wheel.watch(item)
    assert "1 filed" in repr(wheel)


def test_deadlines_moved_to_and_fro_leave_nothing_behind() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item()
    now = 0.0
    for _ in range(200):
        item.due = now + 50.0
        wheel.watch(item)
        item.due = now + 1.0
        wheel.watch(item)
        end = now + 1.2
        turn_until(wheel, now, end)
        now = end + TICK
    assert len(item.expired_at) == 200
    item.due = now + 1000.0
    wheel.watch(item)
    turn_until(wheel, now, now + 100.0)
    assert "1 filed" in repr(wheel)


move = st.tuples(st.integers(0, 4), st.floats(0.01, 6.0), st.booleans())


@settings(max_examples=300, deadline=None)
@given(
    start=st.floats(1.0, 1e7),
    rounds=st.lists(st.tuples(st.lists(move, max_size=4), st.floats(0.001, 1.0)), max_size=25),
)
def test_each_deadline_expires_once_at_its_time(start: float, rounds: list[Any]) -> None:
    """Deadlines move at random; the wheel turns each tick. Earlier needs ``watch``; later may do without."""
    wheel = Wheel(TICK, start)
    items = [Item() for _ in range(5)]
    wanted: list[float | None] = [None] * 5
    now = start
    slack = 2 * TICK + start * 1e-12

    def look() -> None:
        for number, item in enumerate(items):
            if item.expired_at:
                due = wanted[number]
                assert due is not None, "expired without a deadline"
                assert item.expired_at == [pytest.approx(now, abs=1e-9)], "expired twice"
                assert due <= now <= due + slack
                wanted[number] = None
                item.expired_at.clear()
            elif (due := wanted[number]) is not None:
                assert now < due + slack, "too late"

    for moves, elapse in [*rounds, ([], 8.0)]:
        for number, after, clear in moves:
            item = items[number]
            if clear:
                item.due, wanted[number] = 0.0, None
                continue
            later = now + after
            moved_later = item.due and later >= item.due
            item.due = wanted[number] = later
            if not moved_later:
                wheel.watch(item)
        end = now + elapse
        while now < end:
            now += TICK
            wheel.turn(now)
            look()
    assert wanted == [None] * 5


def test_what_is_over_is_not_held_until_its_deadline_would_have_come() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(600.0)
    wheel.watch(item)
    seen = weakref.ref(item)
    item.due = 0.0
    del item
    turn_until(wheel, 0.0, HORIZON_SECONDS + 3 * TICK)
    assert seen() is None


def test_a_far_deadline_comes_in_time() -> None:
    wheel = Wheel(TICK, 0.0)
    item = Item(10 * HORIZON_SECONDS + 0.01)
    wheel.watch(item)
    turn_until(wheel, 0.0, 10 * HORIZON_SECONDS)
    assert item.expired_at == []
    turn_until(wheel, 10 * HORIZON_SECONDS, 10 * HORIZON_SECONDS + 1)
    assert len(item.expired_at) == 1
    assert item.expired_at[0] <= 10 * HORIZON_SECONDS + 0.01 + 2 * TICK


class Told(Item):
    """Writes down who expired, in their order; ``ends`` is ended by it."""

    def __init__(self, due: float, order: list[str], name: str, ends: "Told | None" = None) -> None:
        super().__init__(due)
        self.order = order
        self.name = name
        self.ends = ends

    def expire(self, now: float) -> None:
        self.order.append(self.name)
        if self.ends is not None:
            self.ends.due = 0.0


@given(st.lists(st.floats(0.01, 0.9), min_size=2, max_size=8), st.floats(1.0, 3.0))
def test_what_is_met_in_one_turn_expires_in_the_order_of_its_moments(dues: list[float], held_up: float) -> None:
    wheel, order = Wheel(TICK, 0.0), list[str]()
    for due in dues:
        wheel.watch(Told(due, order, str(due)))
    assert wheel.turn(held_up) == len(dues)
    assert order == [str(due) for due in sorted(dues)]


def test_one_that_was_ended_by_an_earlier_one_of_the_turn_does_not_expire() -> None:
    wheel, order = Wheel(TICK, 0.0), list[str]()
    answer = Told(0.5, order, "answer")
    wheel.watch(answer)
    wheel.watch(Told(0.45, order, "call", ends=answer))
    assert wheel.turn(1.0) == 1
    assert (order, answer.due, answer.wheel_at) == (["call"], 0.0, 0.0)


def test_one_that_is_looked_at_early_does_not_overtake_another() -> None:
    """A connection that was used before is filed under an older moment, and so met before its own slot."""
    wheel, order = Wheel(TICK, 0.0), list[str]()
    answer = Told(0.99, order, "answer")
    wheel.watch(answer)
    answer.due = 1.03
    wheel.watch(Told(1.01, order, "call", ends=answer))
    wheel.turn(1.04)
    wheel.turn(1.09)
    assert order == ["call"]

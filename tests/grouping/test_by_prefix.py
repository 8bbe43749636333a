"""When one call waits for another, and what becomes of it; the behaviour on sockets is in test_assemble_grouping."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.core.priority import HIGH, LOW
from tests.support.fibers import turns
from tests.support.grouped import LONG, Hall, chat

Act = Callable[[Hall], Coroutine[Any, Any, None]]


def in_hall(act: Act, **settings: Any) -> None:
    async def main() -> None:
        hall = Hall(**settings)
        await act(hall)
        for exchange in hall.below.came:
            exchange.finish("ok", hall.clock)
        await turns(4)
        assert (hall.way.groups, hall.counts.groups, hall.counts.waiting) == ({}, 0, 0)

    asyncio.run(main())


def test_the_others_follow_the_first_token_by_priority_and_to_the_same_upstream() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("1"))
        low, normal = hall.ask(chat("2", priority=LOW)), hall.ask(chat("3"))
        assert hall.below.came == [first]
        hall.clock = 2.0
        await hall.below.answer(first)
        assert hall.below.came == [first, normal, low]
        assert (normal.near, low.near, first.near) == ("up", "up", "")
        assert (normal.queued, normal.place) == (2.0, 1)
        assert normal.batch.startswith("g0; size=3; wait=2000.0ms; prefix=")
        assert hall.counts.shared_bytes > 2 * len(LONG)
        assert first.batch.startswith("g0; size=3; wait=0.0ms")

    in_hall(act)


def test_who_has_waited_at_the_door_before_waits_in_the_group_like_all() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("1"))
        second = chat("2")
        second.place = 7
        hall.ask(second)
        await hall.below.answer(first)
        assert hall.below.came == [first, second]
        assert (second.place, second.near) == (7, "up")
        assert hall.counts.released == 1

    in_hall(act)


@pytest.mark.parametrize(
    ("second", "settings", "reason"),
    [
        (lambda: chat("2", priority=HIGH), {}, "priority"),
        (lambda: chat("2"), {"waiting": 1}, "waiting"),
        (lambda: chat("2"), {"max_size": 2}, "size"),
    ],
)
def test_who_may_not_wait_goes_at_once(second: Any, settings: dict[str, Any], reason: str) -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("1"))
        held = hall.ask(chat("held"))
        one = hall.ask(second())
        assert hall.below.came == [first, one]
        assert hall.counts.alone[reason] == 1
        await hall.below.answer(first)
        assert held in hall.below.came

    in_hall(act, **settings)


def test_who_has_no_time_to_wait_goes_at_once() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("1"))
        late = chat("2")
        late.deadline = 0.0005
        hall.ask(late)
        assert hall.below.came == [first, late]
        assert hall.counts.alone["deadline"] == 1

    in_hall(act)


def test_groups_are_bounded() -> None:
    async def act(hall: Hall) -> None:
        one, other = hall.ask(chat("1")), hall.ask(chat("1", system="other " * 200))
        same = hall.ask(chat("2", system="other " * 200))
        assert hall.below.came == [one, other, same]
        assert hall.counts.alone["groups"] == 2

    in_hall(act, groups=1)


def test_another_key_or_model_waits_for_nobody() -> None:
    async def act(hall: Hall) -> None:
        calls = [hall.ask(chat("1")), hall.ask(chat("1", key="key-2")), hall.ask(chat("1", model="n"))]
        assert hall.below.came == calls
        assert hall.counts.led == 3

    in_hall(act)


def test_what_an_upstream_had_no_more_is_computed_anew() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("1"))
        await hall.below.answer(first)
        await hall.end(first)
        cached = hall.ask(chat("2"))
        await hall.end(cached, cached=250)  # it tells what it has, and so what it lacks
        lost = hall.ask(chat("3"))
        await hall.end(lost)
        assert hall.counts.forgotten == 1
        hall.ask(chat("4"))
        hall.ask(chat("5"))
        assert hall.counts.waiting == 1
        await hall.below.answer(hall.below.came[-1])

    in_hall(act)


def test_where_a_slot_keeps_its_prompt_one_goes_after_the_other_while_that_pays() -> None:
    async def act(hall: Hall) -> None:
        first, second = hall.ask(chat("1")), hall.ask(chat("2"))
        hall.clock = 10.0
        await hall.below.answer(first)
        assert hall.below.came == [first]
        await hall.end(first)
        assert hall.below.came == [first, second]
        await hall.below.answer(second)
        hall.clock = 14.0
        await hall.end(second)
        assert hall.pace.turn("up") == pytest.approx(4.0)  # against 10 to compute it
        third, held, held_too = hall.ask(chat("3")), hall.ask(chat("4")), hall.ask(chat("5"))
        dear = hall.ask(chat("6"))
        assert hall.below.came == [first, second, third, dear]
        assert third.near == "up"
        assert hall.counts.alone["dear"] == 1
        for one in (third, held, held_too):
            await hall.below.answer(one)
            await hall.end(one)

    in_hall(act, slotted=lambda upstream: upstream == "up")


def test_release_may_be_set_against_the_kind() -> None:
    async def act(hall: Hall) -> None:
        first, second = hall.ask(chat("1")), hall.ask(chat("2"))
        await hall.below.answer(first)
        assert hall.below.came == [first, second]

    in_hall(act, slotted=lambda upstream: True, release="first_token")


@pytest.mark.parametrize("status", [0, 500])
def test_after_two_leaders_that_failed_nobody_waits(status: int) -> None:
    async def act(hall: Hall) -> None:
        calls = [hall.ask(chat(str(number))) for number in range(4)]
        for place in range(2):
            assert hall.below.came == calls[: place + 1]
            await (hall.below.answer(calls[place], status) if status else hall.below.fail(calls[place]))
        assert hall.below.came == calls
        assert hall.counts.alone["failed"] == 2
        assert calls[1].near == ""

    in_hall(act)


def test_leaders_that_leave_are_no_failures_and_members_that_leave_are_taken_out() -> None:
    async def act(hall: Hall) -> None:
        calls = [hall.ask(chat(str(number))) for number in range(5)]
        await hall.leave(calls[1])
        for place in (0, 2, 3):
            await hall.leave(calls[place])
        assert hall.below.came == [calls[0], calls[2], calls[3], calls[4]]
        assert hall.counts.left == 1
        await hall.leave(calls[4])

    in_hall(act)


def test_a_short_prompt_passes() -> None:
    async def act(hall: Hall) -> None:
        short = [hall.ask(chat("1", system="x")), hall.ask(chat("2", system="x"))]
        assert hall.below.came == short
        assert hall.counts.led == 0
        assert "0 groups" in repr(hall.way)

    in_hall(act)


def test_a_whole_answer_that_ends_at_once_lets_all_go_and_makes_nobody_lead() -> None:
    async def act(hall: Hall) -> None:
        calls = [hall.ask(chat(str(number), stream=False)) for number in range(3)]
        exchange = calls[0]
        answered = asyncio.ensure_future(hall.below.answer(exchange))
        while exchange not in hall.replies:  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
        exchange.finish("ok", hall.clock)
        await answered
        assert hall.below.came == calls
        assert hall.counts.led == 1

    in_hall(act)

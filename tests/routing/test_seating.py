"""Seats at upstreams that have only so many: who sits where, who waits, who gives a seat up."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from penstock.core.call import Operation
from penstock.core.errors import UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.ports import Look
from penstock.core.priority import BATCH, NORMAL
from penstock.core.reply import Reply
from penstock.process.loop import run
from penstock.routing.attempts import Step, Tried
from penstock.routing.seating import Seating
from penstock.routing.table import Entry
from penstock.routing.targets import Target
from tests.support.chairs import Chairs, Porter, entry, limited
from tests.support.fibers import fiber, turns
from tests.support.targets import exchange, target

FILES = Operation("files", "openai", "/files", body="opaque")


def seated(porter: Porter, those: Sequence[Target], *, yielded: int = 0, of: Entry | None = None) -> Target:
    made = of or entry(those)
    one = exchange("m")

    async def act() -> Target:
        step = Step(made, "m", those, yielded=yielded)
        ask = made.ask(one, "m", 0.0)
        return await Seating(porter, lambda: 0.0, asyncio.get_running_loop).seat(one, step, ask)

    return run(act())


def test_another_target_with_a_free_seat_is_taken_without_waiting() -> None:
    for other in (Chairs(1), None):
        full, free = limited("a", Chairs(1, 1)), limited("b", other)
        porter = Porter()
        assert seated(porter, [full, free]) is free
        assert porter.found == []


def test_where_all_are_full_it_waits_for_any_of_them() -> None:
    one, other = Chairs(1, 1), Chairs(2, 2)
    porter = Porter(other)
    assert seated(porter, [limited("a", one), limited("b", other)]).name == "b"
    assert porter.found == [[one, other]]
    assert porter.fronts == [False]
    assert porter.costs[0] >= 1.0


def test_one_that_yielded_its_seat_waits_in_front() -> None:
    chairs = Chairs(1, 1)
    porter = Porter(chairs)
    seated(porter, [limited("a", chairs)], yielded=1)
    assert porter.fronts == [True]


def test_a_seat_that_is_free_when_it_looks_again_is_taken() -> None:
    chairs = Chairs(1, 1)
    porter = Porter(None)

    def free() -> None:
        chairs.taken = 0

    porter.before = free
    assert seated(porter, [limited("a", chairs)]).name == "a"


def test_it_waits_for_those_that_are_well() -> None:
    ill, well = Chairs(1, 1), Chairs(1, 1)
    those = [limited("a", ill), limited("b", well)]
    made = entry(those)
    for _ in range(50):
        those[0].health.breaker.ill(0.0)
    those[0].changes.count += 1
    porter = Porter(well)
    assert seated(porter, those, of=made).name == "b"
    assert porter.found == [[well]]


def test_it_waits_for_those_that_came_since_as_well() -> None:
    old, elsewhere, fresh = Chairs(1, 1), Chairs(1, 1), Chairs(1, 1)
    those = [limited("a", old)]
    far = limited("c", elsewhere)
    far.region = "far"
    made, now = entry(those), entry([*those, limited("b", fresh), far])
    porter = Porter(fresh)
    one = exchange("m")

    async def act() -> Target:
        seating = Seating(porter, lambda: 0.0, asyncio.get_running_loop, lambda _, __: now)
        return await seating.seat(one, Step(made, "m", those), made.ask(one, "m", 0.0))

    assert run(act()).name == "b"
    assert porter.found == [[old, fresh]]


def test_when_none_is_left_it_is_503_with_the_state_of_each() -> None:
    chairs = Chairs(1, 1)
    those = [limited("a", chairs)]
    made = entry(those)
    porter = Porter(None)

    async def seat(one: Exchange, look: Look, cost: float, front: bool) -> None:
        for _ in range(50):
            those[0].health.breaker.ill(0.0)
        those[0].changes.count += 1
        assert not look()

    porter.seat = seat  # type: ignore[method-assign, assignment]
    with pytest.raises(UpstreamError) as caught:
        seated(porter, those, of=made)
    assert (caught.value.status, caught.value.code) == (503, "no_upstream")
    assert "a: open" in caught.value.message


def test_a_seat_whose_keys_rest_is_given_back_for_the_next_that_waits() -> None:
    chairs = Chairs(1, 1)
    one = limited("a", chairs)
    one.keys.rest(0, "rate_limited", "m", 0.0, 60.0)
    porter = Porter(chairs)
    assert seated(porter, [one]) is one
    assert porter.vacated == [chairs]


# ---- seats that are given up


def lent(
    story: Callable[[Porter, Exchange, Step, Target, Any], Coroutine[Any, Any, None]],
) -> None:
    async def act() -> None:
        chairs = Chairs(1)
        one = limited("a", chairs)
        made = entry([one])
        call = exchange("m")
        call.priority = BATCH
        porter = Porter()
        step = Step(made, "m", [one])
        answer: asyncio.Future[Tried] = asyncio.get_running_loop().create_future()
        told: list[Any] = []

        async def attempt() -> Tried:
            one.take_seat(call, made.ask(call, "m", 0.0))
            return await answer

        async def serve() -> None:
            seating = Seating(porter, lambda: 5.0, asyncio.get_running_loop)
            told.append(await seating.lent(call, step, one, attempt()))

        served = fiber(serve())
        await story(porter, call, step, one, (answer, told, served, chairs))

    run(act())


def test_an_attempt_that_is_left_alone_ends_as_any_other() -> None:
    async def story(porter: Porter, call: Exchange, step: Step, one: Target, more: Any) -> None:
        answer, told, _, chairs = more
        assert len(porter.stops) == 1
        tried = Tried(one, Reply(200, [], b""))
        answer.set_result(tried)
        await turns(3)
        assert told == [tried]
        assert porter.kept == 1
        porter.stops[0]()  # too late
        assert (step.yielded, chairs.taken) == (0, 1)

    lent(story)


def test_an_attempt_that_is_stopped_gives_its_seat_back_at_once_and_once() -> None:
    async def story(porter: Porter, call: Exchange, step: Step, one: Target, more: Any) -> None:
        answer, told, _, chairs = more
        assert chairs.taken == 1
        porter.stops[0]()
        assert (chairs.taken, chairs.outcomes, one.in_flight) == (0, ["left"], 0)
        porter.stops[0]()
        assert (step.yielded, chairs.taken) == (1, 0)
        await turns(3)
        assert told == [None]
        assert answer.cancelled()
        assert porter.kept == 1
        call.finish("ok", 9.0)
        assert chairs.taken == 0

    lent(story)


def test_a_caller_that_leaves_ends_the_attempt() -> None:
    async def story(porter: Porter, call: Exchange, step: Step, one: Target, more: Any) -> None:
        answer, told, served, chairs = more
        call.finish("left", 6.0)
        served.cancel()
        await turns(4)
        assert answer.cancelled()
        assert (told, porter.kept, chairs.taken) == ([], 1, 0)

    lent(story)


def test_a_defect_in_an_attempt_is_not_swallowed() -> None:
    async def act() -> None:
        one = limited("a", Chairs(1))
        made = entry([one])

        async def attempt() -> Tried:
            raise ZeroDivisionError

        seating = Seating(Porter(), lambda: 0.0, asyncio.get_running_loop)
        with pytest.raises(ZeroDivisionError):
            await seating.lent(exchange("m"), Step(made, "m", [one]), one, attempt())

    run(act())


def test_only_what_can_be_asked_twice_gives_its_seat_up() -> None:
    chat, stored, files = exchange("m"), exchange("m"), exchange("m", FILES)
    for one, body in ((chat, b'{"model":"m"}'), (stored, b'{"model":"m","store":true}'), (files, b"")):
        one.priority, one.call.body = BATCH, body
    seating = Seating(Porter(), lambda: 0.0, asyncio.get_running_loop)
    step = Step(entry([target("a")]), "m", [])
    assert [seating.lends(one, step) for one in (chat, stored, files)] == [True, False, False]
    chat.priority = NORMAL
    assert not seating.lends(chat, step)

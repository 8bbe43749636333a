"""Calls that wait: nobody hangs, no seat is lost or given twice, each is told what became of it."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.admission.hall import EVERY
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL
from penstock.process.loop import run
from tests.support.fibers import turns
from tests.support.halls import Caller, Lobby, in_lobby


def code(caller: Caller) -> str:
    assert caller.fail is not None
    return caller.fail.code


def test_a_seat_that_comes_free_goes_to_the_best_that_waits() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        low, high = lobby.call(here, rank=LOW), lobby.call(here, rank=HIGH)
        assert (low.exchange.place, high.exchange.place) == (1, 1)
        assert (lobby.overload.waiting, lobby.overload.in_flight) == (2, -2)
        lobby.now = 3.0
        await lobby.leave(here)
        assert high.place is here
        assert low.waits
        assert here.taken == 1
        assert (high.exchange.queued, high.exchange.waited) == (3.0, 0.0)  # it is no time of an upstream's
        await lobby.leave(here)
        assert low.place is here
        assert (lobby.overload.waiting, lobby.overload.in_flight) == (0, 0)
        assert sum(map(sum, lobby.counts.waits)) == 2

    in_lobby(story)


def test_a_promised_seat_is_nobody_elses_until_it_is_taken() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        one = lobby.call(here)
        here.end(0.0, 1.0, None, "ok")
        assert not here.free  # though nobody sits there yet
        assert one.waits
        await turns(1)
        assert one.place is here
        assert here.taken == 1

    in_lobby(story)


def test_who_leaves_while_it_waits_is_forgotten() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        one, other = lobby.call(here), lobby.call(here)
        one.leave()
        await turns(2)
        assert (lobby.hall.queue.size, lobby.overload.waiting) == (1, 1)
        await lobby.leave(here)
        assert other.place is here

    in_lobby(story)


def test_a_seat_promised_to_one_that_leaves_goes_to_the_next() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        one, other = lobby.call(here), lobby.call(here)
        here.end(0.0, 1.0, None, "ok")
        one.leave()  # in the same breath
        await turns(4)
        assert one.place == "waiting"
        assert other.place is here
        assert (here.taken, lobby.overload.waiting) == (1, 0)

    in_lobby(story)


def test_a_seat_that_is_not_taken_goes_to_the_next() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(taken=0)
        here.taken = 1
        other = lobby.call(here)
        here.taken = 0
        lobby.hall.vacate(here)
        await turns(2)
        assert other.place is here

    in_lobby(story)


def test_who_has_waited_as_long_as_it_may_is_told_when_to_come_back() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        one = lobby.call(here)
        await lobby.sweep(29.9)
        assert one.waits
        await lobby.sweep(0.2)
        assert code(one) == "queue_timeout"
        assert one.fail is not None
        assert one.fail.retry_after == 1.0
        assert lobby.counts.shed["timeout", NORMAL] == 1
        assert (lobby.hall.queue.size, lobby.overload.waiting, lobby.loop.later) == (0, 0, [])  # it looks no more

    in_lobby(story)


def test_who_cannot_make_it_is_told_at_once_or_as_soon_as_it_is_known() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(limit=2, hold=4.0)
        assert code(lobby.call(here, deadline=5.0)) == "queue_late"
        one = lobby.call(here, deadline=10.0)
        assert one.waits
        await lobby.sweep(6.5)  # an answer takes 4 s: it would be too late now
        assert code(one) == "queue_late"
        assert lobby.counts.shed["late", NORMAL] == 2

    in_lobby(story)


def test_a_seat_is_not_given_for_an_answer_that_would_be_too_late() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place(limit=2, hold=4.0)
        late, other = lobby.call(here, deadline=10.0), lobby.call(here, deadline=100.0)
        lobby.now = 7.0
        await lobby.leave(here, took=4.0)
        assert code(late) == "queue_late"
        assert other.place is here

    in_lobby(story)


def test_a_full_hall_refuses_and_sheds_with_the_reason() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        low = lobby.call(here, rank=LOW, key="a")
        flood = [lobby.call(here, key="flood") for _ in range(3)]
        assert code(lobby.call(here, rank=BATCH)) == "queue_full"
        better = lobby.call(here, key="b")
        await turns(2)
        assert code(low) == "queue_shed"
        assert code(lobby.call(here, key="flood")) == "queue_share"  # it has the most
        quiet = lobby.call(here, key="quiet")
        await turns(2)
        assert code(flood[2]) == "queue_share"
        assert better.waits
        assert quiet.waits
        assert lobby.hall.queue.size == 4
        assert lobby.counts.shed == {
            ("full", BATCH): 1, ("shed", LOW): 1, ("crowd", NORMAL): 2,
        }  # fmt: skip

    in_lobby(story, 4)


def test_with_no_room_to_wait_everybody_is_refused() -> None:
    async def story(lobby: Lobby) -> None:
        assert code(lobby.call(lobby.place())) == "queue_full"
        assert (lobby.overload.waiting, lobby.overload.in_flight) == (0, 0)

    in_lobby(story, 0)


def test_a_wait_ends_when_there_is_nothing_left_to_wait_for() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        seats: list[Any] = [here]
        one = lobby.call(look=lambda: seats)
        seats.clear()
        await lobby.sweep()
        assert one.waits  # nothing says that anything has changed
        lobby.seen += 1
        await lobby.sweep()
        assert one.place is None
        assert lobby.hall.queue.size == 0
        assert lobby.call(look=lambda: None).place is None

    in_lobby(story)


def test_without_any_sign_it_is_looked_at_after_a_while() -> None:
    async def story(lobby: Lobby) -> None:
        seats: list[Any] = [lobby.place()]
        one = lobby.call(look=lambda: seats)
        seats.clear()
        for _ in range(EVERY):
            await lobby.sweep(0.1)
        assert one.place is None

    in_lobby(story)


def test_who_may_sit_elsewhere_by_now_waits_there() -> None:
    async def story(lobby: Lobby) -> None:
        gone, there = lobby.place("gone"), lobby.place("there")
        seats = [gone]
        one = lobby.call(look=lambda: seats)
        seats[:] = [there]
        lobby.seen += 1
        await lobby.sweep()
        await lobby.leave(gone)
        assert one.waits
        await lobby.leave(there)
        assert one.place is there

    in_lobby(story)


def test_calls_at_the_door_are_not_in_flight_yet() -> None:
    async def story(lobby: Lobby) -> None:
        here = lobby.place()
        lobby.call(here)
        assert (lobby.overload.waiting, lobby.overload.in_flight) == (1, 0)

    in_lobby(story, inside=False)


def test_a_task_may_wait_too() -> None:
    """Not only a fiber, which runs on in the same breath: then the seat is held for it until it does."""

    async def story() -> None:
        lobby = Lobby()
        lobby.hall._loop = asyncio.get_running_loop()
        here = lobby.place()
        made = lobby.call(here, look=lambda: None).exchange
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(lobby.hall.seat(made, lambda: (here,)))
            await turns(2)
            here.end(0.0, 1.0, None, "ok")
            for _ in range(2):
                assert here.free == waiting.done()
                await turns(1)
        assert waiting.result() is here

    run(story())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "call", "end", "leave", "sweep", "late"]), st.integers(0, 3)), max_size=50
    ),
    st.integers(1, 3),
)
def test_no_seat_is_lost_and_none_given_twice(story: list[tuple[str, int]], limit: int) -> None:
    async def act(lobby: Lobby) -> None:
        here = lobby.place(limit=limit)
        seated = limit
        callers: list[Caller] = []
        for what, number in story:
            if what == "call":
                if here.free:
                    here.begin(lobby.now)
                    seated += 1
                else:
                    callers.append(lobby.call(here, rank=number, key="abcd"[number]))
            elif what == "end" and seated:
                here.end(lobby.now, 1.0, None, "ok")  # and perhaps who it is given to leaves in the same breath
                seated -= 1
                if number == 0:
                    for caller in callers[:1]:
                        caller.leave()
                await turns(3)
            elif what == "leave" and callers:
                callers[number % len(callers)].leave()
                await turns(3)
            elif what == "sweep":
                await lobby.sweep(0.1)
            elif what == "late":
                await lobby.sweep(16.0)
            await turns(3)
            seated += sum(caller.place is here for caller in callers)
            callers = [caller for caller in callers if caller.waits and caller.fiber and not caller.fiber.ended]
            assert here.taken == seated <= limit
            assert lobby.hall.queue.size == len(callers) == lobby.overload.waiting
            assert not callers or not here.free

    in_lobby(act, 6)

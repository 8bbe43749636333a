"""The door: who goes in at once, who waits with an unread body, who is refused; and that each seat comes back."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.admission.counts import Counts
from penstock.admission.place import Place
from penstock.admission.stage import Admission
from penstock.core.errors import Fail, UpstreamError
from penstock.core.exchange import Exchange
from penstock.core.overload import Pressure
from penstock.core.priority import BATCH, HIGH, LOW, NORMAL
from penstock.core.reply import Reply
from penstock.process.loop import run
from tests.admission.test_place import Scripted
from tests.support.fibers import fiber, turns
from tests.support.halls import Lobby
from tests.support.targets import exchange


class Door:
    """The room before another that keeps what comes in."""

    def __init__(self, limit: int = 1, *, rule: Any = None) -> None:
        self.lobby = Lobby(inside=False)
        self.pressure = Pressure()
        self.inside: list[Exchange] = []
        self.refused: list[Fail] = []
        self.door = self.lobby.place("door", limit, taken=0)
        if rule is not None:
            self.door = Place("door", rule, self.lobby.hall.freed)
        self.room = Admission(
            self.door, self.lobby.hall, self.lobby.overload, self.pressure, self.lobby.counts,
            adapts=rule is not None, now=lambda: self.lobby.now, uniform=lambda low, high: low,
        )  # fmt: skip

    def next(self, one: Exchange) -> Awaitable[Reply]:
        self.inside.append(one)
        return Reply(200, [], b"")

    def knock(self, rank: int = NORMAL) -> Exchange:
        """A call comes."""
        one = exchange()
        one.priority, one.started, one.deadline = rank, self.lobby.now, self.lobby.now + 60.0

        async def enter() -> None:
            try:
                await self.room(one, self.next)
            except Fail as fail:
                self.refused.append(fail)

        fiber(enter())
        return one

    async def end(self, one: Exchange, outcome: str = "ok") -> None:
        one.finish(outcome, self.lobby.now)
        await turns(2)


def at_door(story: Callable[[Door], Awaitable[None]], *arguments: Any, **settings: Any) -> None:
    async def act() -> None:
        await story(Door(*arguments, **settings))

    run(act())


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_so_many_go_in_and_the_others_as_soon_as_one_has_ended(limit: int) -> None:
    async def story(door: Door) -> None:
        overload = door.lobby.overload
        calls = [door.knock() for _ in range(limit + 2)]
        assert door.inside == calls[:limit]
        assert (overload.in_flight, overload.waiting) == (limit, 2)
        for number in range(limit + 2):
            await door.end(door.inside[number])
        assert door.inside == calls
        assert (door.door.taken, overload.in_flight, overload.waiting) == (0, 0, 0)
        assert calls[-1].place == 2
        assert calls[0].place == 0

    at_door(story, limit)


def test_nobody_waits_for_a_coroutine_where_there_is_room() -> None:
    async def story(door: Door) -> None:
        assert type(door.room(exchange(), door.next)) is Reply

    at_door(story)


def test_the_better_class_goes_in_first() -> None:
    async def story(door: Door) -> None:
        first, low, high = door.knock(), door.knock(LOW), door.knock(HIGH)
        await door.end(first, "error")
        assert door.inside == [first, high]
        await door.end(high, "left")
        assert door.inside == [first, high, low]

    at_door(story)


def test_short_of_memory_the_lower_classes_are_refused_at_the_door() -> None:
    async def story(door: Door) -> None:
        door.pressure.floor = NORMAL
        door.knock(BATCH)
        door.knock(LOW)
        assert [(fail.status, fail.code) for fail in door.refused] == [(503, "gateway_overloaded")] * 2
        assert all(fail.retry_after for fail in door.refused)
        assert door.inside == [door.knock(), door.knock(HIGH)][:1]
        door.pressure.floor = -1
        door.knock(HIGH)
        assert len(door.refused) == 3
        assert door.lobby.counts.shed == {
            ("pressure", BATCH): 1, ("pressure", LOW): 1, ("pressure", HIGH): 1,
        }  # fmt: skip

    at_door(story)


def test_how_long_seats_are_held_is_learned_where_it_may_matter() -> None:
    async def story(door: Door) -> None:
        one = door.knock()
        door.lobby.now = 2.0
        await door.end(one)
        assert door.door.hold == 0.0  # nearly empty
        calls = [door.knock() for _ in range(10)]
        door.lobby.now = 5.0
        await door.end(calls[0])
        assert door.door.hold == 3.0

    at_door(story, 10)


def test_an_adaptive_door_is_told_how_each_call_went() -> None:
    rule = Scripted(3)

    async def story(door: Door) -> None:
        calls = [door.knock() for _ in range(3)]
        calls[0].first_byte = 1.0
        calls[1].error = UpstreamError("no", status=429)
        for number, (one, outcome) in enumerate(zip(calls, ("ok", "error", "left"), strict=True), 1):
            door.lobby.now = float(number)
            await door.end(one, outcome)
        assert [told for told in rule.told if told[0] == "begin"] == [("begin", taken, 0.0) for taken in (1, 2, 3)]
        assert [told for told in rule.told if told[0] == "done"] == [
            ("done", 1.0, 1.0, 1.0, "ok"), ("done", 2.0, 2.0, None, "overload"), ("done", 3.0, 3.0, None, "left"),
        ]  # fmt: skip
        assert door.door.taken == 0

    at_door(story, rule=rule)


def test_who_cannot_go_in_is_told_and_takes_no_seat() -> None:
    async def story(door: Door) -> None:
        first = door.knock()
        waiting = door.knock()
        await door.lobby.sweep(31.0)
        assert [fail.code for fail in door.refused] == ["queue_timeout"]
        await door.end(waiting, "error")
        await door.end(first)
        assert (door.door.taken, door.lobby.overload.in_flight) == (0, 0)

    at_door(story)


def test_it_shows_what_it_is() -> None:
    async def story(door: Door) -> None:
        assert "door 0/1" in repr(door.room)
        assert isinstance(door.lobby.counts, Counts)

    at_door(story)

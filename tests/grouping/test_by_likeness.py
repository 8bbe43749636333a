"""Who waits for a place with whom, and who goes first."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.core.priority import HIGH, LOW
from tests.support.fibers import turns
from tests.support.grouped import Hall, chat


class Angles:
    """An embedder for texts that are numbers: unit vectors at so many degrees. No number: no vector."""

    async def embed(self, text: str) -> Any:
        await asyncio.sleep(0)
        return _At(float(text)) if text.isdigit() else None


class _At:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __matmul__(self, other: "_At") -> float:
        return math.cos(math.radians(self.degrees - other.degrees))


def in_hall(act: Callable[[Hall], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        hall = Hall(embedder=Angles(), **({"slots": 1} | settings))
        await act(hall)
        while any(exchange.outcome is None for exchange in hall.below.came):
            for exchange in list(hall.below.came):
                exchange.finish("ok", hall.clock)
            await turns(4)
        assert (hall.way.lines, hall.counts.groups, hall.counts.waiting) == ({}, 0, 0)

    asyncio.run(main())


def test_while_there_are_places_nobody_waits() -> None:
    async def act(hall: Hall) -> None:
        calls = [hall.ask(chat("10")), hall.ask(chat("20"))]
        assert hall.below.came == calls
        assert calls[0].batch == ""

    in_hall(act, slots=2)


def test_those_alike_go_together_to_one_upstream_when_a_place_is_free() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("0"))
        calls = [hall.ask(chat(text)) for text in ("10", "90", "12")]
        await turns(6)
        assert hall.below.came == [first]
        assert (hall.counts.waiting, hall.counts.groups) == (3, 2)
        hall.below.upstream = "b"
        await hall.end(first)
        assert hall.below.came == [first, calls[0], calls[2]]
        assert (calls[0].near, calls[2].near) == ("", "b")
        assert "size=2" in calls[2].batch
        assert "prefix=0B" not in calls[2].batch
        await hall.end(calls[0])
        assert calls[1] not in hall.below.came  # two went, one place: one more has to end
        await hall.end(calls[2])
        assert hall.below.came[-1] is calls[1]

    in_hall(act)


def test_the_group_of_the_highest_priority_goes_first_and_its_members_in_order() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("0"))
        low = hall.ask(chat("10", priority=LOW))
        lower, normal = hall.ask(chat("90", priority=LOW)), hall.ask(chat("91"))
        await turns(6)
        await hall.end(first)
        assert hall.below.came == [first, normal, lower]
        assert low not in hall.below.came

    in_hall(act, threshold=0.9)


@pytest.mark.parametrize(
    ("second", "settings", "reason"),
    [
        (lambda: chat("2", priority=HIGH), {}, "priority"),
        (lambda: chat("2"), {"waiting": 1}, "waiting"),
        (lambda: chat("2"), {"groups": 1}, "groups"),
    ],
)
def test_who_may_not_wait_goes_at_once(second: Any, settings: dict[str, Any], reason: str) -> None:
    async def act(hall: Hall) -> None:
        first, held = hall.ask(chat("0")), hall.ask(chat("1"))
        await turns(6)
        one = hall.ask(second())
        await turns(6)
        assert hall.below.came == [first, one]
        assert hall.counts.alone[reason] == 1
        assert held not in hall.below.came

    in_hall(act, **settings)


def test_without_a_vector_a_call_waits_alone_and_one_that_leaves_is_taken_out() -> None:
    async def act(hall: Hall) -> None:
        first = hall.ask(chat("0"))
        one, other, leaves = hall.ask(chat("x")), hall.ask(chat("y")), hall.ask(chat("5"))
        await turns(6)
        assert hall.counts.groups == 3
        assert len(hall.way.groups) == 3
        await hall.leave(leaves)
        assert (hall.counts.groups, hall.counts.left) == (2, 1)
        await hall.end(first)
        await hall.end(one)
        assert hall.below.came == [first, one, other]

    in_hall(act)


def test_nobody_waits_longer_than_max_wait() -> None:
    async def act(hall: Hall) -> None:
        first, other = hall.ask(chat("0")), hall.ask(chat("90"))
        async with asyncio.timeout(20):
            while other not in hall.below.came:  # noqa: ASYNC110 - a timer of the loop is awaited
                await asyncio.sleep(0.005)
        assert hall.counts.alone["max_wait"] == 1
        assert first.outcome is None
        assert "1 models" in repr(hall.way)

    in_hall(act, max_wait=0.02)

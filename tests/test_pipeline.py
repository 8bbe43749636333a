import importlib
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.pipeline import ROOMS, Room, check, compose, timed
from penstock.process.loop import run


def exchange() -> Exchange:
    body: Any = None
    return Exchange("req_1", Call(Operation("chat", "openai", ""), "POST", "/", b"", [], ""), 0, 1, body)


def in_order(rooms: list[Room]) -> bool:
    """The rule, told another way: each need stands earlier in the list, and somebody replies."""
    gives = [room.gives for room in rooms]
    return any("reply" in given for given in gives) and all(
        need in frozenset[str]().union(*gives[:place]) for place, room in enumerate(rooms) for need in room.needs
    )


def test_the_order_of_the_house_is_in_order() -> None:
    check(ROOMS)
    assert in_order(list(ROOMS))


@given(st.permutations(ROOMS))
def test_a_wrong_order_is_refused(rooms: list[Room]) -> None:
    if in_order(rooms):
        check(rooms)
    else:
        with pytest.raises(ValueError, match="needs"):
            check(rooms)


@given(st.lists(st.sampled_from(ROOMS), unique=True))
def test_a_room_taken_out_is_missed_when_somebody_needs_it(rooms: list[Room]) -> None:
    if in_order(rooms):
        check(rooms)
    else:
        with pytest.raises(ValueError):
            check(rooms)


def test_optional_rooms_may_be_taken_out() -> None:
    names = [room.name for room in ROOMS if room.optional]
    assert names == [
        "observe",
        "journal",
        "admission",
        "jobs",
        "streaming",
        "resume",
        "degrade",
        "cache",
        "lessen",
        "coalesce",
        "grouping",
        "batching",
        "cost",
    ]
    check([room for room in ROOMS if not room.optional])


def test_the_refusal_names_the_room_and_what_it_misses() -> None:
    with pytest.raises(ValueError, match=r"journal.*caller"):
        check([room for room in ROOMS if room.name != "auth"])
    with pytest.raises(ValueError, match="reply"):
        check([room for room in ROOMS if room.name != "routing"])


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_each_room_is_where_the_list_says_and_asks_for_what_it_says(room: Room) -> None:
    module, _, name = room.stage.partition(":")
    stage = getattr(importlib.import_module(module), name)
    assert room.why
    if room.name != "edge":  # the edge makes the exchange: it is above all stages
        assert (stage.needs, stage.gives) == (room.needs, room.gives)


class Step:
    """A stage that notes its way in and out."""

    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str, story: list[str], *, last: bool = False) -> None:
        self.name, self.story, self.last = name, story, last

    async def __call__(self, exchange: Exchange, next: Next) -> Reply:
        self.story.append(f"into {self.name}")
        reply = Reply(200, [], self.name.encode()) if self.last else await next(exchange)
        self.story.append(f"out of {self.name}")
        return reply


def test_a_call_passes_the_stages_in_order_and_its_reply_in_reverse() -> None:
    story: list[str] = []
    path = compose([Step("a", story), Step("b", story), Step("c", story, last=True)])

    async def enter() -> Reply:
        return await path(exchange())

    assert run(enter()).body == b"c"
    assert story == ["into a", "into b", "into c", "out of c", "out of b", "out of a"]


def test_a_path_without_an_end_is_a_defect() -> None:
    async def enter() -> Reply:
        return await compose([Step("a", [])])(exchange())

    with pytest.raises(AssertionError, match="req_1"):
        run(enter())


def test_a_timed_path_is_the_same_and_notes_when_each_room_was_entered() -> None:
    clock = iter([1.0, 2.0])
    seen = list[str]()

    def stage(name: str) -> Any:
        async def enter(given: Exchange, next: Next) -> Reply:
            seen.append(name)
            return await next(given) if name == "first" else Reply(200, [], name.encode())

        return enter

    one = exchange()
    one.rooms = []

    async def go() -> Reply:
        return await timed([("first", stage("first")), ("last", stage("last"))], lambda: next(clock))(one)

    assert run(go()).body == b"last"
    assert seen == ["first", "last"]
    assert one.rooms == [("first", 1.0), ("last", 2.0)]

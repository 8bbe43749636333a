from typing import Any

import pytest

from penstock.core.link import linked, noted


class Room:
    """Says whom it was given, and goes on."""

    def __init__(self, story: list[str]) -> None:
        self._story = story

    def __call__(self, exchange: Any, below: Any) -> Any:
        self._story.append(f"room {exchange.id}")
        return below(exchange)


class Call:
    id = "a"

    def __init__(self) -> None:
        self.rooms: list[tuple[str, float]] = []

    def note_room(self, room: str, now: float) -> None:
        self.rooms.append((room, now))


@pytest.mark.interpreted
def test_a_room_is_given_the_exchange_and_what_is_below() -> None:
    story: list[str] = []
    enter: Any = linked(Room(story), lambda exchange: f"answer to {exchange.id}")  # type: ignore[arg-type]
    assert enter(Call()) == "answer to a"
    assert story == ["room a"]


@pytest.mark.interpreted
def test_the_exchange_is_told_before_it_enters() -> None:
    call = Call()
    enter: Any = noted("cache", lambda exchange: list(exchange.rooms), lambda: 3.0)  # type: ignore[arg-type]
    assert enter(call) == [("cache", 3.0)]

"""``POST /v1/feedback``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from penstock.cache.semantic.feedback import MOST_KEYS, Feedback
from penstock.core.errors import CallerError
from tests.support.caching import exchange, shelf
from tests.support.matching import Room
from tests.support.shared_store import FakeStore, Shared

WHERE = "where is the office of the bank in Bern"


class Body:
    def __init__(self, data: bytes) -> None:
        self.data = data

    async def read(self, limit: int) -> bytes:
        assert limit < 10_000
        return self.data


class Desk:
    def __init__(self, per_minute: int = 60) -> None:
        self.room = Room(shelf(FakeStore(Shared())))
        self.room.memory.read = True
        self.clock = 0.0
        self.feedback = Feedback(
            self.room.memory, lambda one, entry: one.key == "key-1", lambda: per_minute, lambda: self.clock
        )

    def hit(self) -> str:
        self.room.ask(WHERE)
        _, reply, _ = self.room.ask(WHERE + " please")
        return dict(reply.headers)[b"x-penstock-cache-entry"].decode()

    def say(self, said: Any, key: str = "key-1") -> dict[str, Any]:
        one = exchange(key)
        one.body = Body(said if isinstance(said, bytes) else json.dumps(said).encode())  # type: ignore[assignment]
        reply = asyncio.run(self.feedback(one))
        assert isinstance(reply.body, bytes)
        return dict(json.loads(reply.body))


def test_a_wrong_answer_goes_with_all_of_its_group() -> None:
    desk = Desk()
    entry = desk.hit()
    told = desk.say({"entry": entry, "wrong": True})
    assert told == {"entry": entry, "rating": "wrong", "removed": 1}
    assert len(desk.room.shelf.directory) == 0
    assert desk.room.verifiers[0].told_of[-1] == ("told", bytes.fromhex(entry), False)
    assert desk.room.memory.tally.feedback == {"wrong": 1}


def test_those_that_say_the_same_go_too_also_before_they_were_looked_at() -> None:
    desk = Desk()
    entry = desk.hit()
    desk.room.verifier.floor = 2.0
    desk.room.say = lambda text: f"answer to {WHERE}"
    desk.room.ask(WHERE + " tell me")
    held = desk.room.memory.space.get(bytes.fromhex(entry))
    assert held is not None
    assert len({one.group for one in desk.room.shelf.directory}) == 1
    held.placed = False
    desk.room.memory._verifier_of.clear()
    desk.room.verifier.groups.clear()
    assert desk.say({"entry": entry, "wrong": True})["removed"] == 2


def test_a_request_is_known_by_its_id() -> None:
    desk = Desk()
    desk.hit()
    assert desk.say({"request": "req_1", "rating": "wrong"})["removed"] == 1


def test_a_right_answer_stays() -> None:
    desk = Desk()
    entry = desk.hit()
    assert desk.say({"entry_id": entry, "rating": "right"})["removed"] == 0
    assert len(desk.room.shelf.directory) == 1


@pytest.mark.parametrize("said", [{"entry": "00" * 16}, {"entry": "xyz"}, {"request": "req_unknown"}])
def test_what_is_not_known(said: dict[str, Any]) -> None:
    desk = Desk()
    desk.hit()
    with pytest.raises(CallerError) as raised:
        desk.say({**said, "wrong": True})
    assert (raised.value.status, raised.value.code) == (404, "entry_not_found")


def test_another_key_cannot_say_so_and_does_not_learn_that_it_is_there() -> None:
    desk = Desk()
    entry = desk.hit()
    with pytest.raises(CallerError) as raised:
        desk.say({"entry": entry, "wrong": True}, key="key-2")
    assert raised.value.code == "entry_not_found"
    assert len(desk.room.shelf.directory) == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"{", {"entry": "aa"}, {"wrong": True}, {"entry": "aa", "wrong": 1},
     {"entry": "aa", "rating": "so-so"},
     {"entry": "aa", "wrong": True, "rating": "wrong"}, {"request": "", "wrong": True}, {"request": 5, "wrong": True},
     {"entry": "aa", "wrong": True, "sql": ""}],
)  # fmt: skip
def test_what_says_nothing_known_is_refused(said: Any) -> None:
    with pytest.raises(CallerError) as raised:
        Desk().say(said)
    assert raised.value.status in (400, 404)


def test_the_tempo_is_bounded_a_key() -> None:
    desk = Desk(per_minute=2)
    entry = desk.hit()
    desk.say({"entry": entry, "rating": "right"})
    desk.say({"entry": entry, "rating": "right"})
    with pytest.raises(CallerError) as raised:
        desk.say({"entry": entry, "rating": "right"})
    assert (raised.value.status, raised.value.retry_after) == (429, 30.0)
    desk.clock += 31.0
    desk.say({"entry": entry, "rating": "right"})
    desk.feedback._tempo.update({str(number): (1.0, 0.0) for number in range(MOST_KEYS)})
    desk.clock += 31.0
    desk.say({"entry": entry, "rating": "right"})
    assert len(desk.feedback._tempo) <= MOST_KEYS + 1


def test_none_at_all_where_that_is_configured() -> None:
    desk = Desk(per_minute=0)
    with pytest.raises(CallerError):
        desk.say({"entry": "aa", "wrong": True})

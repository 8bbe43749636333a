"""What one worker keeps. Its life with the store is in test_service.py."""

from __future__ import annotations

import asyncio

from penstock.cache.semantic.store import GIVEN, LEARNED, QUESTIONS, request_key
from tests.support.caching import shelf
from tests.support.matching import Room
from tests.support.shared_store import FakeStore, Shared

WHERE = "where is the office of the bank in Bern"


def room_over(state: Shared) -> Room:
    room = Room(shelf(FakeStore(state)))
    room.memory.read = True
    return room


def test_a_question_is_written_beside_its_entry_and_no_request_in_clear() -> None:
    state = Shared()
    room = room_over(state)
    room.ask(WHERE)
    room.ask(WHERE + " please")
    assert len(state.tables[QUESTIONS]) == 1
    assert list(state.tables[GIVEN]) == [request_key("req_1")]
    assert asyncio.run(room.memory.given_to("req_1")) is next(iter(room.shelf.directory))
    assert asyncio.run(room.memory.given_to("req_2")) is None


def test_records_cannot_stand_in_for_one_another() -> None:
    state = Shared()
    room = room_over(state)
    room.ask(WHERE)
    (id,) = state.tables[QUESTIONS]
    sealed = state.tables[QUESTIONS][id][0]
    assert room.memory.take(id, sealed)
    assert room.shelf.seal is not None
    assert room.shelf.seal.open(id, sealed) is None  # an answer's seal is another
    assert not room.memory.take(id, sealed[:-1])
    assert not room.memory.take(b"x" * 16, sealed)


def test_what_was_learned_is_saved_when_it_is_closed() -> None:
    state = Shared()
    room = room_over(state)
    room.ask(WHERE)
    assert LEARNED not in state.tables
    room.memory.close()
    room.memory.close()
    assert len(state.tables[LEARNED]) == 1
    assert (len(room.memory.space), room.memory.ready, room.embedder.closed) == (0, False, True)
    room.memory.remember(b"k" * 16, b"damaged")


def test_a_full_store_loses_questions_and_nothing_else() -> None:
    state = Shared()
    room = room_over(state)
    state.full = True
    assert room.ask(WHERE)[2] == f"answer to {WHERE}"


def test_an_entry_of_another_worker_that_was_placed_takes_its_new_group() -> None:
    room = room_over(Shared())
    room.ask(WHERE)
    (entry,) = room.shelf.directory
    entry.group = b"g" * 16
    room.memory._changed(entry, entry.id)
    assert room.verifier.groups == {entry.id: b"g" * 16}

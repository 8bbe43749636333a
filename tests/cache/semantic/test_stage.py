"""Questions answered by answers to others, over a verifier that the test scripts."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
import pytest

from tests.support.caching import shelf
from tests.support.matching import Room

WHERE = "where is the office of the bank in Bern"
ALIKE = "where is the office of the bank in Bern please"
OTHER = "how long does a transfer take"


def reasons(room: Room) -> dict[tuple[str, str], int]:
    return dict(room.memory.tally.lookups)


def test_a_question_like_another_is_told_its_answer() -> None:
    room = Room()
    room.ask(WHERE)
    one, reply, said = room.ask(ALIKE)
    assert said == f"answer to {WHERE}"
    assert one.cache == "hit-semantic"
    fields = dict(reply.headers)
    assert fields[b"x-penstock-cache-score"] == b"0.9900"
    assert float(fields[b"x-penstock-similarity"]) > 0.9
    assert len(fields[b"x-penstock-cache-entry"]) == 32
    assert b"age" in fields
    assert room.rig.asked == 1
    assert reasons(room) == {("miss", "empty"): 1, ("hit", "verified"): 1}


def test_an_entrys_confidence_follows_its_hits() -> None:
    room = Room()
    room.ask(WHERE)
    (entry,) = room.shelf.directory
    assert entry.confidence == 1.0
    room.ask(ALIKE)
    assert abs(entry.confidence - 0.998) < 1e-9


def test_one_that_is_not_alike_is_asked_upstream_and_kept() -> None:
    room = Room()
    room.ask(WHERE)
    assert room.ask(OTHER)[2] == f"answer to {OTHER}"
    assert room.ask(OTHER + " usually")[2] == f"answer to {OTHER}"
    assert room.rig.asked == 2


@pytest.mark.parametrize(
    "other",
    [
        {"key": "key-2"},
        {"max_tokens": 7},
        {"history": [{"role": "system", "content": "You are terse."}]},
        {"history": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]},
        {"headers": [(b"x-penstock-classification", b"internal")]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"temperature": 0.5},
    ],
)
def test_nothing_crosses_from_one_partition_into_another(other: dict[str, Any]) -> None:
    room = Room(tools=True)
    room.ask(WHERE)
    assert room.ask(ALIKE, **other)[0].cache == "miss"
    assert room.ask(ALIKE + " do tell", **other)[0].cache == "hit-semantic"  # it has one of its own now
    assert room.rig.asked == 2


def test_a_long_system_prompt_that_is_shared_changes_no_decision() -> None:
    """Dilution: what is the same in all questions is no part of what is compared."""
    system = [{"role": "system", "content": "You are the friendly assistant of a bank in Bern. " * 120}]
    plain, diluted = Room(), Room()
    questions = [WHERE, ALIKE, OTHER, "what is the capital of France", OTHER + " usually", "who is the queen"]
    for text in questions:
        plain.ask(text)
        diluted.ask(text, history=system)
    assert reasons(plain) == reasons(diluted)

    def cosines(room: Room) -> list[list[float]]:
        return [[one.cosine for one in near] for near in room.verifier.near]

    assert cosines(plain) == cosines(diluted)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"text": "what is new today"}, "freshness"),
        ({"text": "word " * 200}, "long"),
        ({"text": WHERE, "temperature": 1.5}, "temperature"),
        ({"text": WHERE, "n": 2}, "choices"),
        ({"text": WHERE, "tools": [{"type": "function"}]}, "tools"),
        ({"text": WHERE, "store": True}, "effects"),
    ],
)
def test_what_may_not_be_matched_is_counted_by_its_reason(asked: dict[str, Any], reason: str) -> None:
    room = Room()
    room.ask(**asked)
    assert reasons(room) == {("ineligible", reason): 1}
    assert room.embedder.texts == []
    assert len(room.memory.space) == 0


def test_models_that_it_is_not_on_for() -> None:
    room = Room(models=["other"])
    room.ask(WHERE)
    assert reasons(room) == {("ineligible", "off"): 1}


def test_exact_hits_never_reach_it() -> None:
    room = Room()
    room.ask(WHERE)
    assert room.ask(WHERE)[0].cache == "hit-exact"
    assert sum(reasons(room).values()) == 1


def test_nearer_answers_that_say_the_same_are_one_group() -> None:
    room = Room()
    room.say = lambda text: "In Bern." if "office" in text else f"answer to {text}"
    room.ask(WHERE)
    room.verifier.floor = 2.0
    room.ask(ALIKE)
    assert len(set(room.verifier.groups.values())) == 1
    entries = list(room.shelf.directory)
    assert [entry.group for entry in entries] == [entries[0].id] * 2
    room.say = lambda text: "No."
    room.ask(ALIKE + " now")
    assert len(set(room.verifier.groups.values())) == 2


def test_an_answer_that_is_no_text_or_too_long_is_kept_for_equal_calls_only() -> None:
    room = Room(max_answer=2048)
    room.say = lambda text: "x" * 3000
    room.ask(WHERE)
    (entry,) = room.shelf.directory
    assert (entry.partition, len(room.memory.space)) == (b"", 0)
    assert room.ask(WHERE)[0].cache == "hit-exact"


# ---- what fails


@pytest.mark.parametrize("given", ["raises", "none", "shape", "nan", "late"])
def test_an_embedder_that_is_ill_is_a_miss_and_said_once(given: str, caplog: pytest.LogCaptureFixture) -> None:
    room = Room(patience=0.001)
    if given == "late":
        room.embedder.hang = asyncio.Event()
    elif given == "raises":
        room.embedder.does = lambda text: 1 / 0
    else:
        room.embedder.does = {
            "none": lambda text: None,
            "shape": lambda text: np.ones(3, np.float32),
            "nan": lambda text: np.full(64, np.nan, np.float32),
        }[given]
    if given == "late":
        room.tasks.spawn = lambda work, name: work.close()  # type: ignore[method-assign, assignment]
    with caplog.at_level(logging.WARNING):
        for number in range(12):
            one, _, said = room.ask(f"{WHERE} {number}")
            assert (one.cache, said) == ("miss", f"answer to {WHERE} {number}")
            if given == "late":
                room.embedder.hang = asyncio.Event()
    counted = reasons(room)
    if given == "none":
        assert not caplog.records  # the embedder has a breaker of its own for that
        assert counted == {("miss", "vectorless"): 12}
    else:
        assert len([record for record in caplog.records if "rests for a while" in record.message]) == 1
        assert counted == {("miss", "late" if given == "late" else "failed"): 5, ("ineligible", "ill"): 7}
        assert room.rig.asked == 12


def test_a_verifier_that_raises_is_a_miss_and_the_partition_is_read_anew() -> None:
    room = Room()
    room.ask(WHERE)
    room.verifier.raises = True
    assert room.ask(ALIKE)[2] == f"answer to {ALIKE}"
    assert reasons(room)["miss", "failed"] == 1
    assert room.ask(WHERE)[0].cache == "hit-exact"


def test_an_index_that_raises_is_a_miss() -> None:
    room = Room()
    room.ask(WHERE)
    (_, part), *_ = room.memory.space.used_last()

    def damaged(vector: Any, count: int) -> Any:
        raise RuntimeError("damaged")

    class Damaged:
        dimensions = 64
        search = staticmethod(damaged)
        remove = staticmethod(part.index.remove)

    part.index = Damaged()  # type: ignore[assignment]
    assert room.ask(ALIKE)[2] == f"answer to {ALIKE}"
    assert reasons(room)["miss", "failed"] == 1


def test_what_is_late_is_kept_all_the_same() -> None:
    room = Room(patience=0.001)
    room.embedder.hang = asyncio.Event()
    messages = [{"role": "user", "content": WHERE}]
    from tests.support.caching import exchange

    room.rig.ask(exchange("key-1", messages=messages))
    room.embedder.hang = None
    asyncio.run(room.tasks.run())
    assert len(room.memory.space) == 1
    assert room.ask(ALIKE)[0].cache == "hit-semantic"


def test_an_entry_that_was_not_kept_is_no_candidate() -> None:
    room = Room(shelf(memory=2**20, max_answer=2**19))
    room.shelf.keep = lambda entry, answer: False  # type: ignore[method-assign]
    room.ask(WHERE)
    assert len(room.memory.space) == 0
    assert room.ask(ALIKE)[0].cache == "miss"


# ---- what goes


def test_an_entry_that_goes_is_matched_no_more() -> None:
    room = Room()
    room.ask(WHERE)
    room.shelf.flush({"model": "m"})
    assert (len(room.memory.space), room.verifier.groups, room.account.held) == (0, {}, 0)
    assert room.ask(ALIKE)[0].cache == "miss"


def test_an_entry_that_has_expired_is_matched_no_more() -> None:
    room = Room()
    room.ask(WHERE)
    (entry,) = room.shelf.directory
    entry.expires = 0.0
    assert room.ask(ALIKE)[0].cache == "miss"
    assert reasons(room) == {("miss", "empty"): 2}


def test_refreshing_replaces_the_answer_that_is_matched() -> None:
    room = Room()
    room.ask(WHERE)
    room.say = lambda text: "it has moved"
    room.ask(WHERE, headers=[(b"x-penstock-cache", b"refresh")])
    assert len(room.memory.space) == 1
    assert room.ask(ALIKE)[2] == "it has moved"


def test_its_state_in_a_line() -> None:
    assert "0 questions" in repr(Room().matching)

"""Hits that are checked, and the judge, over a verifier that the test scripts."""

from __future__ import annotations

import pytest

from penstock.cache.semantic.config import JudgeConfig
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from tests.support.caching import JSON, answer, served
from tests.support.matching import Room

WHERE = "where is the office of the bank in Bern"
ALIKE = "where is the office of the bank in Bern please"


def test_a_checked_hit_is_told_at_once_and_compared_behind() -> None:
    room = Room()
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.say = lambda text: f"answer to {WHERE}"
    one, _, said = room.ask(ALIKE)
    assert (one.cache, said) == ("hit-semantic", f"answer to {WHERE}")
    assert room.verifier.told_of[-1] == ("checked", id_of_only(room), True)
    assert room.memory.tally.shadows == {"right": 1}
    assert (room.rig.asked, room.shadows.running) == (2, 0)
    (fork,) = room.ended
    assert (fork.key, fork.outcome, fork.id) == ("key-1", "ok", "req_1.check1.shadow1")


def id_of_only(room: Room) -> bytes:
    (entry,) = room.shelf.directory
    return entry.id


def test_an_answer_found_wrong_leaves_the_cache() -> None:
    room = Room()
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.say = lambda text: "Nowhere."
    room.ask(ALIKE)
    assert room.memory.tally.shadows == {"wrong": 1}
    assert room.memory.tally.removed == 1
    assert len(room.shelf.directory) == 0
    assert room.shelf.directory.evicted["wrong"] == 1
    assert room.ask(ALIKE)[0].cache == "miss"


def test_an_upstream_that_does_not_answer_a_check_is_asked_again_and_then_counts_as_wrong() -> None:
    room = Room()
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.say = lambda text: None
    room.ask(ALIKE)
    assert room.pauses == [5.0, 30.0]
    assert room.memory.tally.shadows == {"failed": 3, "lost": 1}
    assert room.verifier.told_of[-1][2] is None
    assert room.shadows.running == 0


def test_with_all_places_taken_the_caller_gets_what_the_upstream_says() -> None:
    room = Room(checks=1)
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.shadows.running = 1
    room.say = lambda text: f"answer to {WHERE}"
    one, _, said = room.ask(ALIKE)
    assert (one.cache, said) == ("miss", f"answer to {WHERE}")
    assert room.memory.tally.shadows["inline"] == 1
    assert ("checked", next(iter(room.shelf.directory)).id, True) in room.verifier.told_of
    assert len({entry.group for entry in room.shelf.directory}) == 1
    assert room.shelf.counts.operations["semantic", "shadow"] == 1


def test_a_hit_whose_answer_is_gone_gives_its_place_back() -> None:
    room = Room()
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.shelf.tier.clear()
    one, _, _ = room.ask(ALIKE)
    assert (one.cache, room.shadows.running) == ("miss", 0)


# ---- the judge

JUDGE = JudgeConfig(model="mini", max_per_minute=4)


def judged(room: Room, said: str) -> None:
    """The judge says ``said``, the model another wording each time."""

    def answered(one: Exchange) -> Reply:
        served(one)
        text = said if one.call.model == "mini" else f"answer in other words, {room.rig.asked}"
        return Reply(200, [(b"content-type", JSON)], answer(text).data)

    room.rig.answer = answered


@pytest.mark.parametrize(("said", "groups"), [("SAME", 1), ("DIFFERENT", 2), ("SAME as I was told to say", 2)])
def test_the_judge_says_whether_near_misses_are_the_same(said: str, groups: int) -> None:
    room = Room(judge=JUDGE)
    judged(room, said)
    room.ask(WHERE)
    room.verifier.floor = 2.0
    room.ask(ALIKE)
    assert len(set(room.verifier.groups.values())) == groups
    assert len({entry.group for entry in room.shelf.directory}) == groups
    assert sum(room.memory.tally.verdicts.values()) == 1
    assert [one.key for one in room.ended] == ["key-1"]


def test_the_judge_decides_a_check_that_texts_do_not() -> None:
    room = Room(judge=JUDGE)
    judged(room, "SAME")
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.ask(ALIKE)
    assert room.memory.tally.shadows == {"right": 1}
    assert room.memory.tally.verdicts == {"same": 1}


def test_without_a_judge_what_texts_do_not_tell_is_not_known() -> None:
    room = Room()
    judged(room, "SAME")
    room.ask(WHERE)
    room.verifier.kind = "shadow"
    room.ask(ALIKE)
    assert room.memory.tally.shadows == {"unknown": 1}

"""The state in numbers and in words."""

from __future__ import annotations

import json

from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.told import in_words, numbers, status
from penstock.cache.verify.verdict import Status
from tests.support.matching import Room

WHERE = "where is the office of the bank in Bern"


def test_numbers_are_plain() -> None:
    room = Room()
    room.ask(WHERE)
    room.ask(WHERE + " please")
    told = json.loads(json.dumps(numbers(room.memory)))
    assert told["lookups"] == [["miss", "empty", 1], ["hit", "verified", 1]]
    assert (told["questions"], told["partitions"]) == (1, 1)
    assert told["bytes"] == room.account.held > 1000
    assert told["embedder"] == {"name": "hashing", "version": "hashing-1", "state": "well", "trips": 0}
    assert told["bounds"][0]["model"] == "m"


def test_status_tells_each_model_and_its_partitions() -> None:
    room = Room()
    room.ask(WHERE)
    told = json.loads(json.dumps(status(room.memory, room.config, 3)))
    assert told["worker"] == 3
    (row,) = told["bounds"]
    assert row["in_words"].startswith("Hits are given: the bound of 1.00% holds.")
    assert row["partitions"][0]["questions"] == 1


def test_a_stop_is_said_in_words() -> None:
    stands = Status(5000, 900, 60, 9, 0.021, 0.011, 0.04, 30.0, 1.0, "too many wrong", 1)
    said = in_words(stands, SemanticConfig())
    assert said.startswith("Hits have ended: too many wrong.")
    assert "900 of 5000" in said
    assert "between 1.10% and 4.00%" in said
    assert "hits return on new evidence" in said

"""The room beside a cache of similar questions."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.entry import Answer, Entry
from penstock.cache.similar import Found
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.wire.asked import Asked
from tests.support.cache_room import Rig
from tests.support.caching import JSON, answer, entry, exchange, id_of


class Similar:
    """A semantic cache that finds what the test puts there."""

    def __init__(self, found: Found | None = None, *, breaks: str = "") -> None:
        self.found = found
        self.breaks = breaks
        self.told: list[tuple[str, Any]] = []

    def question(self, exchange: Exchange, asked: Asked, known: bytes, pattern: str) -> object | None:
        if self.breaks == "question":
            raise RuntimeError("nan")
        return (known, pattern) if exchange.call.operation.name == "chat" else None

    async def find(self, exchange: Exchange, next: Next, question: object) -> Found | None:
        if self.breaks == "find":
            raise RuntimeError("nan")
        return self.found

    def check(self, exchange: Exchange, next: Next, question: object, found: Found, *, told: bool) -> None:
        self.told.append(("check", told))

    def stored(
        self, exchange: Exchange, next: Next, question: object, entry: Entry, answer: Answer, found: Found | None
    ) -> None:
        self.told.append(("stored", found))
        entry.partition = b"p"

    def unkept(self, entry: Entry) -> None:
        self.told.append(("unkept", entry.id))


def with_similar(**given: Any) -> tuple[Rig, Similar, Found]:
    similar = Similar()
    rig = Rig(similar)
    kept = entry("other")
    rig.shelf.keep(kept, answer("similar"))
    return rig, similar, Found(kept, 0.93, **given)


def test_a_similar_answer_is_told_after_an_exact_miss() -> None:
    rig, similar, found = with_similar()
    similar.found = found
    one = exchange()
    reply, body = rig.ask(one)
    assert b"similar" in body
    assert (one.cache, rig.asked) == ("hit-semantic", 0)
    assert dict(reply.headers)[b"x-penstock-similarity"] == b"0.9300"
    assert dict(reply.headers)[b"x-penstock-cache-score"] == b"1.0000"
    assert rig.shelf.counts.operations["semantic", "hit"] == 1


def test_a_shadow_is_told_at_once_and_checked_behind() -> None:
    rig, similar, found = with_similar(shadow=True)
    similar.found = found
    one = exchange()
    assert b"similar" in rig.ask(one)[1]
    assert (one.cache, rig.asked) == ("hit-semantic", 0)
    assert similar.told == [("check", True)]


def test_a_shadow_that_cannot_be_told_is_not_checked() -> None:
    rig, similar, found = with_similar(shadow=True)
    similar.found = found
    rig.shelf.tier.drop(id_of("other"))
    one = exchange()
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 1)
    assert similar.told[0] == ("check", False)


def test_inline_the_upstream_answers_and_both_are_compared() -> None:
    rig, similar, found = with_similar(shadow=True, inline=True)
    similar.found = found
    one = exchange()
    assert b"answer 1" in rig.ask(one)[1]
    assert one.cache == "miss"
    assert similar.told == [("stored", found)]
    assert rig.shelf.directory.entries[one.asked.digest].partition == b"p"
    assert rig.shelf.counts.operations["semantic", "shadow"] == 1


def test_an_answer_that_is_not_kept_is_taken_back() -> None:
    rig, similar, _ = with_similar()
    rig.shelf.keep = lambda entry, answer: False  # type: ignore[method-assign]
    one = exchange()
    rig.ask(one)
    assert similar.told == [("stored", None), ("unkept", one.asked.digest)]


def test_what_cannot_be_kept_is_not_told_of() -> None:
    rig, similar, _ = with_similar()
    rig.answer = lambda one: Reply(200, [(b"content-type", JSON)], b"{}")
    rig.ask(exchange())
    rig.answer = lambda one: Reply(400, [(b"content-type", JSON)], b"{}")
    rig.ask(exchange())
    assert similar.told == []


def test_calls_that_are_not_cached_exactly_may_be_similar() -> None:
    rig, similar, found = with_similar()
    similar.found = found
    one = exchange(temperature=0.2)
    rig.ask(one)
    assert one.cache == "hit-semantic"


@pytest.mark.parametrize("breaks", ["question", "find"])
def test_a_semantic_cache_that_breaks_is_a_miss(breaks: str) -> None:
    rig = Rig(Similar(breaks=breaks))
    one = exchange()
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 1)


def test_a_found_entry_whose_answer_is_gone_is_a_miss() -> None:
    rig, similar, found = with_similar()
    similar.found = found
    rig.shelf.tier.drop(id_of("other"))
    one = exchange()
    rig.ask(one)
    assert (one.cache, rig.asked) == ("miss", 1)

"""The room beside a cache of similar questions."""

from __future__ import annotations

from typing import Any

from penstock.cache.entry import Answer, Entry
from penstock.cache.similar import Found
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.wire.asked import Asked
from tests.support.cache_room import Rig
from tests.support.caching import JSON, answer, entry, exchange, id_of


class Similar:
    """A semantic cache that finds what the test puts there."""

    def __init__(self, found: Found | None = None, *, breaks: bool = False) -> None:
        self.found = found
        self.breaks = breaks
        self.told: list[tuple[str, Any]] = []

    def eligible(self, exchange: Exchange, asked: Asked) -> bool:
        return exchange.call.operation.name == "chat"

    async def find(self, exchange: Exchange, asked: Asked) -> Found | None:
        if self.breaks:
            raise RuntimeError("nan")
        return self.found

    def stored(self, exchange: Exchange, asked: Asked, entry: Entry, answer: Answer, found: Found | None) -> None:
        self.told.append(("stored", found))
        entry.partition = b"p"

    def missed(self, exchange: Exchange, asked: Asked, answer: Answer | None, found: Found | None) -> None:
        self.told.append(("missed", found))


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
    assert rig.shelf.counts.operations["semantic", "hit"] == 1


def test_a_shadow_is_answered_by_the_upstream_and_compared() -> None:
    rig, similar, found = with_similar(shadow=True)
    similar.found = found
    one = exchange()
    assert b"answer 1" in rig.ask(one)[1]
    assert one.cache == "miss"
    assert similar.told == [("stored", found)]
    assert rig.shelf.directory.entries[one.asked.digest].partition == b"p"
    assert rig.shelf.counts.operations["semantic", "shadow"] == 1


def test_a_miss_that_is_not_kept_is_told_too() -> None:
    rig, similar, _ = with_similar()
    rig.answer = lambda one: Reply(200, [(b"content-type", JSON)], b"{}")
    rig.ask(exchange())
    rig.answer = lambda one: Reply(400, [(b"content-type", JSON)], b"{}")
    rig.ask(exchange())
    assert similar.told == [("missed", None), ("missed", None)]


def test_calls_that_are_not_cached_exactly_may_be_similar() -> None:
    rig, similar, found = with_similar()
    similar.found = found
    one = exchange(temperature=0.2)
    rig.ask(one)
    assert one.cache == "hit-semantic"


def test_a_semantic_cache_that_breaks_is_a_miss() -> None:
    rig = Rig(Similar(breaks=True))
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

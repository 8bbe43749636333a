"""The entry of an answer: what it says, how long it holds, and who has to agree to it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.config import CacheConfig
from penstock.cache.entry import Entry
from penstock.cache.making import Maker
from penstock.cache.policy import Policy
from penstock.cache.recording import Recorder
from penstock.cache.store import Shelf
from penstock.core.exchange import Exchange
from penstock.memory.ledger import BoundedAccount
from penstock.wire.asked import asked
from tests.support.caching import JSON, WALL, answer, exchange, served, shelf

PRICES = (2e-6, 10e-6)


def make(one: Exchange, text: str = "hello", on: Shelf | None = None, **fields: Any) -> tuple[Entry, Any] | str:
    config = CacheConfig(**fields)
    policy = Policy(config, lambda model: (model, b""))
    terms = policy.terms(one.call.model)
    question = asked(one.call, b"secret", "all")
    assert terms is not None
    assert question is not None
    recorder = Recorder(BoundedAccount("cache", 10**6), 10**6, lambda: 0.0, events=False)
    recorder.tap(answer(text).data)
    if one.outcome is None:
        served(one).finish("ok", 1002.5)
    maker = Maker(on or shelf(), config, lambda upstream: PRICES if upstream == "u" else (0.0, 0.0))
    return maker.made(one, question, policy.plan(one.call), terms, WALL - 1, recorder, JSON)


def entry_of(*args: Any, **fields: Any) -> Entry:
    made = make(*args, **fields)
    assert not isinstance(made, str), made
    return made[0]


def test_what_it_says() -> None:
    headers = [(b"x-penstock-tags", b"b,a"), (b"x-penstock-classification", b"internal")]
    one = entry_of(exchange(headers=headers, user="somebody@example.org"))
    assert (one.operation, one.model, one.upstream, one.named) == ("chat", "m", "u", "m-1")
    assert (one.asked, one.created, one.expires) == (WALL - 1, WALL, WALL + 3600)
    assert (one.tokens_in, one.tokens_out, one.cost, one.seconds) == (3, 2, 26, 2.5)
    assert (one.tags, one.classification, one.confidence, one.confirmed) == (("a", "b"), "internal", 1.0, True)
    told = str(one.told())
    assert "somebody" not in told
    assert "key-1" not in told
    assert "hi" not in one.told().values()


def test_where_calls_are_priced_it_cost_what_all_who_shared_it_paid() -> None:
    one = exchange()
    one.cost, one.money = 40, {"coalescing": 60, "routing": 7}
    assert entry_of(one).cost == 100


def test_the_name_that_was_called_is_told_where_the_entry_stands_for_several() -> None:
    assert entry_of(exchange()).called == ""
    one = exchange(model="m-" + "9" * 300)
    made = Maker(shelf(), CacheConfig(), lambda upstream: (0.0, 0.0))
    policy = Policy(CacheConfig(), lambda name: ("m-*", b""))
    served(one).finish("ok", 1001.0)
    one.model = "m-*"
    recorder = Recorder(BoundedAccount("cache", 10**6), 10**6, lambda: 0.0, events=False)
    recorder.tap(answer().data)
    question = asked(one.call, b"secret", "s")
    assert question is not None
    terms = policy.terms(one.call.model)
    assert terms is not None
    kept = made.made(one, question, policy.plan(one.call), terms, WALL, recorder, JSON)
    assert not isinstance(kept, str), kept
    assert kept[0].called == one.call.model[:200]


def test_hashes_tell_equal_from_other_and_no_more() -> None:
    one, same, other = (entry_of(exchange(key=key)) for key in ("a", "a", "b"))
    assert one.by == same.by != other.by
    assert one.scope == same.scope != other.scope
    wide = [entry_of(exchange(key=key), scope="all") for key in ("a", "b")]
    assert wide[0].scope == wide[1].scope
    assert len(one.by) == 8


def test_a_class_shortens_how_long_it_holds() -> None:
    from penstock.cache.config import ClassConfig

    headers = [(b"x-penstock-classification", b"short")]
    one = entry_of(exchange(headers=headers), classifications={"short": ClassConfig(ttl=60.0)})
    assert one.expires == WALL + 60
    longer = entry_of(exchange(headers=headers), classifications={"short": ClassConfig(ttl=1e6)})
    assert longer.expires == WALL + 3600


def test_why_there_is_none() -> None:
    gone = served(exchange())
    gone.finish("left", 1001.0)
    assert make(gone) == "broken"


def test_a_name_of_a_model_has_a_bound() -> None:
    assert len(entry_of(exchange()).named) <= 200


class Quarantine:
    """Answers under a wide scope, each put on one shelf."""

    def __init__(self) -> None:
        self.shelf = shelf()

    def give(self, key: str, text: str) -> Entry | str:
        made = make(exchange(key=key), text, self.shelf, scope="all", confirm=True)
        if isinstance(made, str):
            return made
        self.shelf.directory.put(made[0])
        return made[0]


@pytest.mark.parametrize(
    ("given", "confirmed"),
    [
        ([("a", "x")], False),
        ([("a", "x"), ("a", "x")], False),  # one key alone proves nothing
        ([("a", "x"), ("b", "y")], False),
        ([("a", "x"), ("b", "x")], True),
        ([("a", "x"), ("b", "y"), ("c", "y")], True),
        ([("a", "x"), ("b", "x"), ("a", "x")], True),
    ],
)
def test_an_answer_leaves_quarantine_when_a_second_key_is_given_it(
    given: list[tuple[str, str]], confirmed: bool
) -> None:
    held = Quarantine()
    last = [held.give(*one) for one in given][-1]
    assert isinstance(last, Entry)
    assert last.confirmed is confirmed


def test_one_who_is_given_something_else_does_not_undo_what_two_agreed_on() -> None:
    held = Quarantine()
    for key in "ab":
        held.give(key, "x")
    assert held.give("c", "poison") == "unconfirmed"


def test_only_so_many_hashes_are_remembered() -> None:
    maker = Maker(shelf(), CacheConfig(), lambda _: PRICES)
    for number in range(25_000):
        maker.hashed(str(number))
    assert len(maker._hashed) <= 10_000
    assert maker.hashed("") == b""


def test_what_was_warmed_is_sure() -> None:
    one = entry_of(exchange(headers=[(b"x-penstock-tags", b"warmed")]))
    assert (one.tags, one.confidence) == (("warmed",), 1.0)

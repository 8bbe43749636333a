"""Bodies that came before: what they are told is what working them out anew tells."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.recall import MOST_BODY_BYTES, RECALL_BYTES, Recall
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.memory.ledger import BoundedAccount
from tests.support.cache_room import Rig
from tests.support.caching import exchange, id_of


def remembered(rig: Rig, **fields: Any) -> Exchange:
    """A call as the memory room leaves it."""
    one = exchange(**fields)
    known = rig.shelf.recall.bodies.get(one.call.body)
    if known is not None and known.operation is one.call.operation:
        one.call.remembered = known
    return one


def warm(**fields: Any) -> Rig:
    """A room that has told its answer once, and so knows the body."""
    rig = Rig(**fields)
    rig.ask(exchange())
    rig.ask(exchange())
    assert len(rig.shelf.recall.bodies) == 1
    return rig


def at_once(rig: Rig, one: Exchange) -> Reply | None:
    """The reply, if it is given without waiting."""
    found = rig.room(one, rig.next)
    if isinstance(found, Reply):
        return found
    found.close()  # type: ignore[attr-defined]
    return None


def test_a_known_body_is_answered_at_once_and_alike() -> None:
    rig = warm()
    slow, fast = exchange(), remembered(rig)
    reply, body = rig.ask(slow)
    again = at_once(rig, fast)
    assert again is not None
    assert (again.status, again.headers, again.body) == (reply.status, reply.headers, body)
    assert again.lines == (again.headers, b"".join(b"%b: %b\r\n" % field for field in again.headers))
    assert (fast.cache, fast.model, fast.asked.digest) == (slow.cache, slow.model, slow.asked.digest)
    assert rig.asked == 1
    (entry,) = rig.shelf.directory
    assert (entry.accesses, rig.shelf.counts.hits) == (3, 3)


def test_the_age_goes_on() -> None:
    rig = warm()
    (entry,) = rig.shelf.directory
    ages = []
    for passed in (0, 5):
        entry.created -= passed
        reply = at_once(rig, remembered(rig))
        assert reply is not None
        ages.append(int(dict(reply.headers)[b"age"]))
    assert ages == [0, 5]


def test_another_key_head_or_mode_is_another_question() -> None:
    rig = warm()
    assert at_once(rig, remembered(rig, key="another")) is None
    assert at_once(rig, remembered(rig, headers=[(b"openai-beta", b"x")])) is None
    assert at_once(rig, remembered(rig, headers=[(b"x-penstock-cache", b"refresh")])) is None
    assert at_once(rig, remembered(rig, headers=[(b"x-penstock-cache", b"bypass")])) is None
    assert at_once(rig, remembered(rig)) is not None


def test_what_is_gone_is_not_told() -> None:
    for end in ("flush", "expire", "drop", "clear", "answer"):
        rig = warm()
        (entry,) = rig.shelf.directory
        one = remembered(rig)
        if end == "flush":
            rig.shelf.flush({"model": "m"})
        elif end == "expire":
            entry.expires = entry.created
        elif end == "drop":
            rig.shelf.drop([entry], "deleted")
        elif end == "clear":
            rig.shelf.clear()
            rig.shelf.ready = True
        else:
            rig.shelf.tier.drop(entry.id)
        assert at_once(rig, one) is None, end
        if end != "answer":
            assert (rig.shelf.recall.bodies, rig.shelf.recall.held, rig.shelf.account.held) == ({}, 0, 0), end  # type: ignore[attr-defined]


def test_a_newer_answer_is_told_as_it_is() -> None:
    rig = warm()
    rig.ask(exchange(headers=[(b"x-penstock-cache", b"refresh")]))
    rig.ask(exchange())
    reply = at_once(rig, remembered(rig))
    assert reply is not None
    assert b"answer 2" in reply.body  # type: ignore[operator]


def test_answers_in_quarantine_are_not_remembered() -> None:
    rig = Rig(confirm=True)
    rig.ask(exchange())
    rig.ask(exchange())
    assert not rig.shelf.recall.bodies


def note(recall: Recall, text: str, key: str = "k") -> None:
    call = exchange(seed=1, messages=[{"role": "user", "content": text}]).call
    terms: Any = None
    recall.note(call, key.encode(), terms, id_of(text + key))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("kl"), st.booleans()), max_size=40))
def test_what_it_holds_is_counted_and_bounded(steps: list[tuple[str, str, bool]]) -> None:
    account = BoundedAccount("cache", 4 * RECALL_BYTES)
    recall = Recall(account, 3 * (RECALL_BYTES + 120))
    for text, key, forget in steps:
        if forget:
            recall.forget(id_of(text + key))
        else:
            note(recall, text, key)
        hits = [hit for known in recall.bodies.values() for hit in known.hits.values()]
        assert recall.held == account.held == sum(len(hit.body) + RECALL_BYTES for hit in hits)
        assert recall.held <= 3 * (RECALL_BYTES + 120)
        assert all(known.hits for known in recall.bodies.values())
    recall.clear()
    assert (recall.held, account.held, len(recall.bodies)) == (0, 0, 0)


def test_large_bodies_and_a_full_account_leave_nothing() -> None:
    recall = Recall(BoundedAccount("cache", 100))
    note(recall, "a")
    note(recall, "x" * MOST_BODY_BYTES)
    assert not recall.bodies


def test_the_same_bytes_asked_of_another_operation_take_the_place() -> None:
    recall = Recall(BoundedAccount("cache", 10**6))
    terms: Any = None
    for operation in ("chat", "messages"):
        call = exchange(operation=operation).call
        recall.note(call, b"p", terms, id_of(operation))
    (known,) = recall.bodies.values()
    assert known.operation.name == "messages"
    assert recall.held == len(call.body) + RECALL_BYTES


def test_what_is_told_many_times_in_a_breath_counts_once_for_what_may_go_first() -> None:
    rig = warm()
    (entry,) = rig.shelf.directory
    before = rig.shelf.directory.sketch.count(entry.id)
    for _ in range(5):
        assert at_once(rig, remembered(rig)) is not None
    assert (entry.accesses, rig.shelf.directory.sketch.count(entry.id)) == (6, before)
    entry.accessed -= 1
    assert at_once(rig, remembered(rig)) is not None
    assert rig.shelf.directory.sketch.count(entry.id) == before + 1

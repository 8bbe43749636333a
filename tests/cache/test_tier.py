"""Answers in memory: never more than the account gives, and the account gets all back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.entry import Answer
from penstock.cache.tier import ANSWER_BYTES, Tier
from penstock.cache.tinylfu import Sketch
from penstock.memory.ledger import BoundedAccount
from tests.support.caching import entry, id_of


def tier(bound: int, taken: int = 0) -> tuple[Tier, BoundedAccount]:
    account = BoundedAccount("cache", bound)
    account.reserve(taken)
    return Tier(account, bound, Sketch(100), lambda id: 1.0), account


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2000), st.booleans()), max_size=100), st.integers(0, 3000))
def test_the_account_knows_exactly_what_is_held(steps: list[tuple[int, int, bool]], taken: int) -> None:
    made, account = tier(5000, taken)
    for number, size, drops in steps:
        one = entry(str(number), size=size)
        if drops:
            made.drop(one.id)
        else:
            made.put(one.id, Answer(b"", b"x" * size))
        assert account.held == taken + made.held <= 5000
        assert sum(id_of(str(number)) in made for number in range(10)) == len(made)
    made.clear()
    assert account.held == taken
    assert len(made) == 0


def test_who_is_asked_for_is_there() -> None:
    made, _ = tier(10_000)
    one = Answer(b"t", b"text")
    assert made.put(id_of("a"), one) == []
    assert made.get(id_of("a")) is one
    assert made.get(id_of("b")) is None
    assert made.held == one.size + ANSWER_BYTES


def test_what_does_not_fit_beside_recordings_is_not_held() -> None:
    made, account = tier(1000, taken=900)
    assert made.put(id_of("a"), Answer(b"", b"text")) == [id_of("a")]
    assert account.held == 900


def test_room_is_made_where_recordings_took_it() -> None:
    made, account = tier(1000)
    made.put(id_of("a"), Answer(b"", b"text"))
    account.reserve(500)
    assert made.put(id_of("b"), Answer(b"", b"text")) == [id_of("a")]
    assert made.get(id_of("b")) is not None

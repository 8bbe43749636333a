import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.memory.ledger import BoundedAccount, Ledger


def test_what_would_pass_the_bound_is_refused_and_counted() -> None:
    account = BoundedAccount("bodies", 100)
    assert account.reserve(60)
    assert not account.reserve(41)
    assert account.reserve(40)
    assert (account.held, account.peak, account.refused) == (100, 100, 1)
    account.release(100)
    assert (account.held, account.peak) == (0, 100)


def test_more_cannot_come_back_than_was_taken() -> None:
    account = BoundedAccount("bodies", 100)
    account.reserve(10)
    with pytest.raises(ValueError):
        account.release(11)
    assert account.held == 10


@given(st.lists(st.integers(0, 80), max_size=40), st.integers(0, 200))
def test_what_is_held_never_passes_the_bound(sizes: list[int], bound: int) -> None:
    account = BoundedAccount("bodies", bound)
    taken: list[int] = []
    for number, size in enumerate(sizes):
        if number % 3 == 2 and taken:
            account.release(taken.pop())
        elif account.reserve(size):
            taken.append(size)
        assert account.held == sum(taken) <= bound
    assert account.peak <= bound


def test_an_account_keeps_what_it_holds_when_its_bound_changes() -> None:
    ledger = Ledger()
    account = ledger.account("bodies", 100)
    account.reserve(80)
    assert ledger.account("bodies", 50) is account
    assert (account.held, account.bound) == (80, 50)
    assert not account.reserve(1)
    ledger.account("buffers", 10).reserve(5)
    assert ledger.held == 85

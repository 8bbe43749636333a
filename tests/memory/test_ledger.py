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


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 60)), max_size=60), st.integers(0, 150))
def test_all_accounts_together_keep_to_the_room(asked: list[tuple[str, int]], room: int) -> None:
    ledger = Ledger(room)
    taken: list[tuple[str, int]] = []
    for number, (name, size) in enumerate(asked):
        if number % 4 == 3 and taken:
            back, bytes_back = taken.pop()
            ledger.accounts[back].release(bytes_back)
        elif ledger.account(name, 100).reserve(size):
            taken.append((name, size))
        assert ledger.held == sum(size for _, size in taken) == sum(each.held for each in ledger.accounts.values())
        assert ledger.held <= room


def test_what_finds_no_room_in_all_is_counted_apart() -> None:
    ledger = Ledger(100)
    assert ledger.account("a", 80).reserve(80)
    assert not ledger.account("b", 80).reserve(21)
    assert (ledger.refused, ledger.accounts["b"].refused, ledger.held) == (1, 1, 80)


def test_when_more_is_held_than_expected_it_is_told_once() -> None:
    ledger = Ledger(100)
    told: list[int] = []
    ledger.alarm = lambda: told.append(ledger.held)
    ledger.alarm_at = 50
    account = ledger.account("a", 100)
    for _ in range(8):
        account.reserve(10)
    assert told == [60]


def test_a_squeezed_account_takes_less_until_it_is_eased_and_follows_its_configuration() -> None:
    ledger = Ledger()
    account = ledger.account("a", 100)
    account.reserve(60)
    assert account.squeeze(0.5) == 0
    assert not account.reserve(1)
    assert ledger.account("a", 200).bound == 100
    account.squeeze(1.0)
    assert account.bound == 200


def test_what_is_taken_already_counts_whatever_the_bounds_and_leaves_less_room_for_others() -> None:
    ledger = Ledger(100)
    ledger.account("connections", 10).charge(70)
    assert ledger.held == 70
    assert not ledger.account("bodies", 100).reserve(31)
    ledger.accounts["connections"].release(70)
    assert ledger.account("bodies", 100).reserve(100)


def test_what_is_charged_past_its_bound_counts_until_it_is_let_go_and_is_told_as_a_refusal() -> None:
    ledger = Ledger(100)
    told: list[int] = []
    ledger.alarm = lambda: told.append(ledger.held)
    ledger.alarm_at = 10
    account = ledger.account("connections", 20)
    assert account.charge(10)
    assert account.charge(10)
    assert told == [20]
    assert not account.charge(10)
    assert (account.held, account.refused) == (30, 1)
    account.release(30)
    assert ledger.held == 0


def test_all_accounts_as_plain_values() -> None:
    ledger = Ledger()
    account = ledger.account("a", 10)
    account.reserve(8)
    account.reserve(3)
    account.release(2)
    assert ledger.dump() == {"a": [6, 10, 8, 1]}

from penstock.coalesce.counts import Counts
from penstock.coalesce.hold import STEP_BYTES, Hold
from penstock.memory.ledger import BoundedAccount


def hold(room: int = 1 << 20, total: int = 1 << 20) -> tuple[Hold, BoundedAccount, Counts]:
    account, counts = BoundedAccount("buffers", room), Counts()
    return Hold(account, counts, total), account, counts


def test_it_takes_more_than_is_needed_so_that_it_need_not_ask_often() -> None:
    made, account, counts = hold()
    asked = 0
    for needed in range(0, 100_000, 200):
        if needed > made.size:
            asked += 1
            assert made.grow(needed, 1 << 20)
        assert made.size == account.held == counts.kept >= needed
    assert asked < 12
    made.drop()
    made.drop()
    assert (made.size, account.held, counts.kept) == (0, 0, 0)


def test_it_takes_what_is_needed_where_there_is_no_more() -> None:
    made, account, _ = hold(room=STEP_BYTES // 2)
    assert made.grow(100, 1 << 20)
    assert account.held == 100
    assert not made.grow(STEP_BYTES, 1 << 20)
    assert account.held == 100


def test_its_own_bound_and_that_of_all_hold() -> None:
    made, account, counts = hold(total=10_000)
    assert not made.grow(101, 100)
    assert made.grow(90, 100)
    assert made.size == 100
    counts.kept = 9_999
    assert not made.grow(200, 1000)
    assert account.held == 100

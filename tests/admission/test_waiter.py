from tests.support.waiting import place, waiter


def test_it_waits_until_its_patience_or_its_deadline_ends() -> None:
    assert waiter("k", place(), at=10.0, deadline=15.0, patience=30.0).until == 15.0
    assert waiter("k", place(), at=10.0, deadline=600.0, patience=30.0).until == 40.0


def test_it_tells_whose_it_is() -> None:
    assert repr(waiter("mine", place(), rank=2, patience=1.5)) == "<Waiter 0 of 'mine', class 2, until 1.500>"

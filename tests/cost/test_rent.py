from hypothesis import given
from hypothesis import strategies as st

from penstock.cost.rates import MICRO, SCALE
from penstock.cost.rent import Rent

SECOND = 400 * SCALE
"""Parts: 0.0004 dollars are 400 micro-dollars."""


def test_a_call_alone_pays_for_all_of_its_time() -> None:
    rent = Rent(0.0004, 100.0)
    begun = rent.begin(103.0)
    assert rent.end(105.0, begun) == 2 * SECOND
    assert rent.idle(106.0) == 4 * 400


def test_calls_that_are_there_at_once_share_each_second() -> None:
    rent = Rent(0.0004, 0.0)
    first = rent.begin(0.0)
    second = rent.begin(1.0)
    third = rent.begin(2.0)
    assert rent.end(3.0, first) == SECOND + SECOND // 2 + SECOND // 3
    assert rent.end(4.0, third) == SECOND // 3 + SECOND // 2
    assert rent.end(5.0, second) == SECOND // 2 + SECOND // 3 + SECOND // 2 + SECOND
    assert rent.idle(5.0) == 0


def test_a_price_that_changes_in_mid_call_holds_from_then_on() -> None:
    rent = Rent(0.0004, 0.0)
    begun = rent.begin(0.0)
    rent.price(0.0008, 10.0)
    assert rent.end(11.0, begun) == 12 * SECOND


def test_a_clock_that_stands_still_or_goes_back_charges_nobody() -> None:
    rent = Rent(1.0, 10.0)
    begun = rent.begin(10.0)
    assert rent.end(9.0, begun) == 0
    assert rent.idle(10.0) == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60), st.floats(1e-7, 10.0))
def test_all_shares_and_the_idle_rest_are_the_price_of_the_time(
    steps: list[tuple[float, bool]], dollars: float
) -> None:
    now, paid, open_calls = 0.0, 0, list[int]()
    rent = Rent(dollars, now)
    for passed, begins in steps:
        now += passed
        if begins or not open_calls:
            open_calls.append(rent.begin(now))
        else:
            paid += rent.end(now, open_calls.pop(0))
    for begun in open_calls:
        paid += rent.end(now, begun)
    whole = now * dollars * MICRO
    assert abs((paid / SCALE + rent.idle(now)) - whole) <= 1 + 1e-6 * whole

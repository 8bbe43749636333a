from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.window import Window


def count(window: Window, now: float, marked: bool = False) -> None:
    if now >= window.turn:
        window.slide(now)
    window.all += 1
    window.marked += marked


def test_of_the_period_before_counts_what_still_lies_in_the_window() -> None:
    window = Window(10.0)
    for _ in range(8):
        count(window, 0.0, marked=True)
    assert window.sums(9.0) == (8, 8)
    assert window.sums(12.5) == (6, 6)
    count(window, 15.0)
    assert window.sums(15.0) == (5, 4)
    assert window.sums(19.999)[1] < 0.01
    assert window.sums(40.0) == (0, 0)


def test_it_can_be_cleared() -> None:
    window = Window(1.0)
    count(window, 5.0, marked=True)
    window.clear()
    assert window.sums(5.0) == (0, 0)


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60), st.floats(0.5, 20))
def test_it_never_counts_more_than_came_in_two_windows_nor_less_than_came_in_its_period(
    steps: list[tuple[float, bool]], seconds: float
) -> None:
    window, now, seen = Window(seconds), 100.0, []
    for step, marked in steps:
        now += step
        count(window, now, marked)
        seen.append((now, marked))
        everything, few = window.sums(now)
        assert window.all <= everything <= sum(at > now - 2 * seconds for at, _ in seen) + 1e-9
        assert 0 <= few <= everything + 1e-9

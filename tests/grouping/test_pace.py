import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.grouping.pace import MOST_UPSTREAMS, Pace


def test_nothing_learned_is_nothing_expected_and_waiting_pays() -> None:
    pace = Pace()
    assert (pace.computing("a", 1000), pace.turn("a"), pace.slowest(1000)) == (0.0, 0.0, 0.0)
    assert pace.pays("a", 1000, 50)


def test_waiting_pays_while_it_is_shorter_than_computing() -> None:
    pace = Pace()
    pace.computed("a", 1000, 2.0)
    pace.computed("b", 1000, 5.0)
    pace.took("a", 0.5)
    assert pace.computing("a", 500) == pytest.approx(1.0)
    assert pace.slowest(1000) == pytest.approx(5.0)
    assert pace.pays("a", 1000, 3)
    assert not pace.pays("a", 1000, 4)
    assert pace.pays("b", 1000, 4)  # nothing is known of its turns


def test_an_empty_prompt_teaches_nothing() -> None:
    pace = Pace()
    pace.computed("a", 0, 2.0)
    assert pace.computing("a", 10) == 0.0


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_what_is_learned_lies_within_what_was_seen(seconds: list[float]) -> None:
    pace = Pace()
    for one in seconds:
        pace.took("a", one)
    assert min(seconds) * 0.999 <= pace.turn("a") <= max(seconds) * 1.001


def test_upstreams_are_bounded() -> None:
    pace = Pace()
    for number in range(MOST_UPSTREAMS + 1):
        pace.took(str(number), 1.0)
    assert pace.turn("0") == 0.0
    assert pace.turn(str(MOST_UPSTREAMS)) == 1.0

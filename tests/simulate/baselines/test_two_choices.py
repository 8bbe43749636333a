import pytest

from penstock.routing.targets import Target
from penstock.simulate.baselines.two_choices import TwoChoices
from tests.support.targets import ask, targets


def choose(those: list[Target], *draws: float) -> str:
    given = iter(draws)
    return TwoChoices(lambda low, high: next(given)).choose(those, ask()).name


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ((0.0, 0.0), "b"),  # a and b: the second draw leaves the first one's place out
        ((1.0, 0.0), "b"),  # b and a
        ((2.0, 1.9), "b"),  # c and b
        ((0.0, 1.0), "a"),  # a and c
        ((2.0, 0.5), "a"),  # c and a
    ],
)
def test_the_less_busy_of_the_two_drawn(draws: tuple[float, float], expected: str) -> None:
    those = targets(1, 1, 1)
    for target, busy in zip(those, (4, 2, 9), strict=True):
        target.in_flight = busy
    assert choose(those, *draws) == expected


def test_equals_keep_the_first_drawn_and_one_needs_no_draw() -> None:
    those = targets(1, 1)
    assert choose(those, 1.0, 0.0) == "b"
    assert choose(those[:1]) == "a"

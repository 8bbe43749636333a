import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.grouping.likeness import best, likeness
from penstock.grouping.waiting import Group
from tests.support.grouping import group


class Turned:
    """A unit vector of the plane at an angle."""

    def __init__(self, degrees: float) -> None:
        self.angle = math.radians(degrees)

    def __matmul__(self, other: "Turned") -> float:
        return math.cos(self.angle - other.angle)


def chosen(groups: list[Group], degrees: float = 0.0, **more: Any) -> Group | None:
    settings = {"threshold": 0.9, "now": 1.0, "most": 2.0, "size": 8} | more
    priority = settings.pop("priority", 1)
    return best(groups, Turned(degrees), priority, "s", **settings)


def test_with_nobody_it_is_one() -> None:
    assert likeness(Turned(0), []) == 1.0


@given(st.floats(0, 360), st.lists(st.floats(0, 360), min_size=1, max_size=8))
def test_it_is_the_mean_cosine(degrees: float, others: list[float]) -> None:
    expected = sum(math.cos(math.radians(degrees - other)) for other in others) / len(others)
    assert likeness(Turned(degrees), [Turned(other) for other in others]) == pytest.approx(expected, abs=1e-9)


def test_the_most_alike_above_the_threshold_is_joined() -> None:
    far, near, nearer = group(Turned(60)), group(Turned(10)), group(Turned(5))
    assert chosen([far, near, nearer]) is nearer
    assert chosen([far]) is None
    assert chosen([]) is None


def test_equal_priority_counts_a_tenth() -> None:
    edge = group(Turned(36.8))  # a cosine of 0.80
    assert chosen([edge]) is edge
    assert chosen([edge], priority=2) is None
    other, equal = group(Turned(5), priority=2), group(Turned(20))
    assert chosen([other, equal]) is equal


@pytest.mark.parametrize(
    "one", [group(Turned(0), scope="t"), group(Turned(0), since=-5.0), group(*[Turned(0)] * 8), group()]
)
def test_who_may_not_meet_is_passed_over(one: Group) -> None:
    """Of another scope, too old, full, or without a vector."""
    assert chosen([one]) is None

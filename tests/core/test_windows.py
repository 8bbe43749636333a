from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.windows import (
    COUNTS,
    GAUGES,
    MOST_GROUPS,
    MOST_VALUES,
    OTHER,
    SUMS,
    Group,
    Part,
    Sum,
    Window,
    decoded,
    encoded,
    joined,
    worse,
)

START = 1_800_000_000.0


def window(model: str, calls: int = 1, start: float = START, **gauges: float) -> Window:
    group = Group("chat", model, "east", calls=calls, total=calls * 0.5, faults={"upstream": 1}, totals={3: calls})
    parts = {"key": {f"key-{model}": Part(calls=calls, cost=7)}}
    return Window(start, groups=[group], parts=parts, gauges=gauges, waits={"queue": 0.5}, feedback={"m": (1, 0.5)})


def test_workers_are_joined() -> None:
    whole = joined([window("a", 2), window("a", 3), window("b")], START, 10.0)
    assert [(group.model, group.calls, group.totals, group.faults) for group in whole.groups] == [
        ("a", 5, {3: 5}, {"upstream": 2}), ("b", 1, {3: 1}, {"upstream": 1}),
    ]  # fmt: skip
    assert whole.calls == 6
    assert whole.parts["key"]["key-a"] == Part(calls=5, cost=14)
    assert whole.waits == {"queue": 1.5}
    assert whole.feedback == {"m": (3, 1.5)}
    assert whole.worker == -1


def test_what_is_joined_stays_as_it_was() -> None:
    one = window("a", 2)
    joined([one, window("a", 3)], START, 10.0)
    assert one == window("a", 2)


def test_gauges_of_workers() -> None:
    one = window("a", cpu=0.5, in_flight=3, disk_free=0.5)
    other = window("a", cpu=0.9, in_flight=4, disk_free=0.4)
    assert joined([one, other], START, 10.0).gauges == {"cpu": 0.9, "in_flight": 7, "disk_free": 0.4}
    assert {worse(name, None, 0.5) for name in GAUGES} == {0.5}
    assert set(GAUGES.values()) == {"sum", "max", "min"}


def test_hosts_that_know_different_parts_of_an_hour() -> None:
    one, other = Window(START, 3600.0, covered=1800.0, peaks={"cpu": 0.5}), Window(START, 3600.0, covered=3600.0)
    whole = joined([one, other], START, 3600.0)
    assert (whole.covered, whole.known, whole.peaks) == (3600.0, 3600.0, {"cpu": 0.5})
    assert Window(START).known == 10.0


def test_names_past_the_bound_are_counted_together() -> None:
    many = [window(f"m{number}") for number in range(MOST_GROUPS + 5)]
    whole = joined(many, START, 10.0)
    assert len(whole.groups) == MOST_GROUPS + 1
    assert whole.calls == len(many)
    assert whole.group(model=OTHER).calls == 5
    assert whole.parts["key"][OTHER].calls == len(many) - MOST_VALUES
    assert len(whole.parts["key"]) == MOST_VALUES + 1


@given(st.permutations(range(6)))
def test_the_order_of_joining_does_not_matter(order: list[int]) -> None:
    windows = [window("ab"[number % 2], number + 1, cpu=number / 10) for number in range(6)]
    whole = joined([windows[number] for number in order], START, 10.0)
    plain = joined(windows, START, 10.0)
    assert {group.model: group for group in whole.groups} == {group.model: group for group in plain.groups}
    assert (whole.parts, whole.gauges) == (plain.parts, plain.gauges)


def test_a_part_of_the_groups() -> None:
    whole = joined([window("a", 2), window("b", 3)], START, 10.0)
    assert (whole.group().calls, whole.group("b").calls, whole.group("a", "west").calls) == (5, 3, 0)
    assert whole.group(upstream="east").total == 2.5


def test_a_group_knows_all_its_sums() -> None:
    facts: dict[str, Any] = {**dict.fromkeys(SUMS, 2), **{name: {1: 2} for name in COUNTS}}
    one = Group(**facts)
    other = Group()
    other.add(one)
    other.add(one)
    assert [getattr(other, name) for name in SUMS] == [4] * len(SUMS)
    assert [getattr(other, name) for name in COUNTS] == [{1: 4}] * len(COUNTS)
    assert set(SUMS) | set(COUNTS) | {"operation", "model", "upstream"} == set(Group.__struct_fields__)


def test_to_bytes_and_back() -> None:
    one = window("a", 2, cpu=0.5)
    assert decoded(encoded(one)) == one
    with pytest.raises(ValueError, match="JSON"):
        decoded(b"nothing")


def test_a_sum_says_what_it_is() -> None:
    whole = Sum(START, 10.0)
    whole.add(window("a"))
    assert repr(whole) == "<Sum from 1800000000, 1 groups>"

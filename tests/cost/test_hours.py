from typing import Any

import pytest

from penstock.core.finished import Record, record
from penstock.cost.hours import HOUR, Entry, Hour, Sums, decoded, encoded, folded
from tests.support.exchanges import finished

START = 500_000 * HOUR


def row(at: float = START + 1.0, **facts: Any) -> Record:
    return record(finished(**facts), at)


def test_an_hour_goes_to_bytes_and_back() -> None:
    hour = Hour(START, [Entry(("k", "m\0", "ü", ""), Sums(1, 2, 3, 2**60))], {"gpu": 1})
    assert decoded(encoded(hour)) == hour
    for wrong in (b"", b"\xc1", encoded({"a": 1})):
        with pytest.raises(ValueError):
            decoded(wrong)


def test_many_hours_as_one_stand_for_all_of_them() -> None:
    def hour(cost: int, key: str) -> Hour:
        return Hour(START, [Entry((key, "m", "u", ""), Sums(1, cost=cost))], {"gpu": 1})

    hours = [("a", hour(1, "x")), ("b", hour(2, "x")), ("c", Hour(START, parts=["d"]))]
    whole = folded(hours, START, HOUR, 10)
    assert whole.entries == [Entry(("x", "m", "u", ""), Sums(2, cost=3))]
    assert (whole.idle, whole.parts) == ({"gpu": 2}, ["a", "b", "c", "d"])


def test_of_more_entries_than_are_kept_the_cheapest_are_one_and_nothing_is_lost() -> None:
    def hour(cost: int) -> Hour:
        return Hour(START, [Entry((f"k{cost}", "m", "u", ""), Sums(1, cost=cost))])

    whole = folded([(f"h{cost}", hour(cost)) for cost in range(50)], START, HOUR, 10)
    assert {entry.names[0] for entry in whole.entries} == {*(f"k{cost}" for cost in range(40, 50)), "other"}
    assert sum(entry.sums.cost for entry in whole.entries) == sum(range(50))


def test_sums_beyond_64_bits_are_written_as_the_most_there_is() -> None:
    hour = Hour(START, [Entry(("k", "m", "u", ""), Sums(2000, 3000 * 2**53, cost=5))])
    (entry,) = decoded(encoded(hour)).entries
    assert (entry.sums.tokens_in, entry.sums.cost) == (2**63 - 1, 5)

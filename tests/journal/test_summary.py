from typing import Any

import pytest

from penstock.journal.row import Row, told
from penstock.journal.summary import FIELDS, MOST_GROUPS, OTHERS, Summary


def row(**facts: Any) -> dict[str, Any]:
    return told(Row(**{"status": 200, "outcome": "ok", "upstream": "up"} | facts))


def summed(by: str, *rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    summary = Summary(by)
    for one in rows:
        summary.add(one)
    return {group.name: group.told() for group in summary.groups()}


def test_hit_rate_by_session_counts_only_what_was_looked_up() -> None:
    groups = summed(
        "session",
        row(session="a", cache="miss"), row(session="a", cache="hit-exact"), row(session="a", cache="bypass"),
        row(session="b", cache=""), row(session="c", cache="hit-semantic"),
    )  # fmt: skip
    assert {name: (group["hits"], group["hit_rate"]) for name, group in groups.items()} == {
        "a": (1, 0.5), "b": (0, None), "c": (1, 1.0),
    }  # fmt: skip


def test_where_the_time_went_is_told_apart() -> None:
    (group,) = summed(
        "model",
        row(model="m", stream=True, total_us=3_000_000, first_byte_us=1_000_000, queue_us=200_000, overhead_us=100_000,
            upstream_us=2_700_000, network_us=40_000, tokens_out=21, tokens_in=5, tokens_cached=3),
        row(model="m", total_us=1_000_000, upstream_us=900_000, tokens_out=1),
    ).values()  # fmt: skip
    assert group["calls"] == 2
    assert group["network_seconds"] == pytest.approx(0.04)  # known of one only
    assert group["queue_seconds"] == pytest.approx(0.1)
    assert group["overhead_seconds"] == pytest.approx(0.05)
    assert group["prefill_seconds"] == pytest.approx(0.7)
    assert group["upstream_seconds"] == pytest.approx(1.8)
    assert group["tokens_per_second"] == pytest.approx((10 + 1 / 0.9) / 2, abs=0.01)
    assert (group["tokens_in"], group["tokens_cached"], group["tokens_out"]) == (5, 3, 22)


def test_failures_are_counted_and_callers_that_left_are_none() -> None:
    (group,) = summed(
        "key", row(), row(status=404), row(status=502, outcome="error"), row(outcome="left", status=0),
        row(outcome="error"),
    ).values()  # fmt: skip
    assert (group["calls"], group["errors"]) == (5, 3)


def test_an_upstream_that_was_not_asked_took_no_time() -> None:
    (group,) = summed("model", row(upstream="", upstream_us=0), row(upstream="up", cache="hit-exact")).values()
    assert group["upstream_seconds"] is None


def test_the_largest_come_first() -> None:
    assert list(summed("model", row(model="b"), row(model="a"), row(model="b"), row(model="c"))) == ["b", "a", "c"]


def test_groups_are_bounded() -> None:
    summary = Summary("session")
    for number in range(MOST_GROUPS + 5):
        summary.add(row(session=str(number)))
    groups = {group.name: group.calls for group in summary.groups()}
    assert len(groups) == MOST_GROUPS + 1
    assert groups[OTHERS] == 5


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_one_of_a_row(field: str) -> None:
    assert field in row()

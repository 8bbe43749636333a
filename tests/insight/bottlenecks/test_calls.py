from typing import Any

import pytest

from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks import calls
from penstock.insight.bottlenecks.seen import Digest, Facts, Seen, Upstream, seen
from tests.support.spans import call, failed, windows

TERMS = BottleneckConfig()


def now(made: list[Any], gauges: dict[str, float] | None = None, **facts: Any) -> Seen:
    return seen(map(Digest, windows(6, made, gauges)), Facts(**facts))


def test_reading_prompts_by_model_the_one_that_does_and_the_one_that_does_not() -> None:
    slow = call(model="long", first_byte=0.6, tokens_in=9000, tokens_cached=900)
    found = {one.name: one for one in calls.context(now([slow] * 5 + [call()] * 5), TERMS)}
    assert found["long"].ratio == pytest.approx(0.599 / 0.4)
    assert found["m"].ratio < 1.0
    one = found["long"]
    assert one.severity == "medium"
    assert one.impact == pytest.approx(0.599)
    assert one.share == 0.5
    assert one.evidence["cached_share"] == pytest.approx(0.1)
    assert one.action == 'models: {"long": {strategy: prefix}}'


def test_reading_prompts_that_are_cached_has_another_remedy() -> None:
    (one,) = calls.context(now([call(first_byte=0.6, tokens_cached=80)] * 5), TERMS)
    assert one.action == "grouping: {group_by: prefix}"


def test_of_few_streams_nothing_is_said() -> None:
    assert list(calls.context(now([call(first_byte=0.9)] * 3), TERMS)) == []


def test_waits_name_the_upstream_whose_seats_are_taken() -> None:
    held = call(queued=0.5, waits={"admission": 0.5})
    (one,) = calls.queueing(
        now([held, call()], upstreams={"up": Upstream(taken=8, seats=8), "b": Upstream(4, 9)}), TERMS
    )
    assert (one.name, one.share, one.impact) == ("up", 0.5, 0.5)
    assert one.ratio == pytest.approx(0.25 / 0.1)
    assert one.action == 'upstreams: {"up": {max_in_flight: adaptive}}'


def test_waits_at_the_door_and_in_other_rooms() -> None:
    held = call(queued=0.5, waits={"admission": 0.5})
    (door,) = calls.queueing(now([held], door=(100, 100)), TERMS)
    assert (door.name, door.action) == ("", "admission: {limit: 200}")
    (unlimited,) = calls.queueing(now([held]), TERMS)
    assert unlimited.action == ""
    together = call(queued=0.5, waits={"batching": 0.25, "grouping": 0.25})
    assert {one.name: one.action for one in calls.queueing(now([together]), TERMS)} == {
        "batching": "batching: {max_wait: 5ms}", "grouping": "grouping: {max_wait: 500ms}",
    }  # fmt: skip


def test_who_waited_for_nobody() -> None:
    assert list(calls.queueing(now([call()]), TERMS)) == []


def test_prompts_that_wait_inside_an_upstream() -> None:
    seats = {"up": Upstream(in_flight=12, capacity=8, waiting=0.5), "unasked": Upstream(waiting=9.0)}
    (one,) = calls.upstream_queue(now([call(), call(upstream="b")], upstreams=seats), TERMS)
    assert (one.name, one.impact, one.share) == ("up", 0.5, 0.5)
    assert one.ratio == pytest.approx(5.0)


def test_connecting_by_upstream() -> None:
    found = {one.name: one for one in calls.connections(
        now([call(connecting=0.3)] * 4 + [call(upstream="b", connecting=0.01)] * 4 + [failed(upstream="few")]), TERMS,
    )}  # fmt: skip
    assert set(found) == {"up", "b"}
    assert found["up"].ratio == pytest.approx(3.0)
    assert found["b"].ratio < 1.0
    assert found["up"].action == 'upstreams: {"up": {max_idle: 5m}}'

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks import own
from penstock.insight.bottlenecks.seen import Digest, Facts, Seen, seen
from penstock.insight.bottlenecks.suspect import Suspect
from tests.support.spans import call, hit, windows

TERMS = BottleneckConfig()
Judge = Callable[[Seen, BottleneckConfig], Iterator[Suspect]]
JUDGES: dict[str, Judge] = {
    "loop_lag": own.loop, "collector_pause": own.collector, "memory": own.memory, "store_latency": own.store,
    "embedding": own.embedding, "network": own.network,
}  # fmt: skip


def now(gauges: dict[str, float], calls: list[Any] | None = None, **facts: Any) -> Seen:
    return seen(map(Digest, windows(6, calls or [call()] * 10, gauges)), Facts(**facts))


def only(found: Iterator[Suspect]) -> Suspect:
    (one,) = found
    return one


@pytest.mark.parametrize("gauge", JUDGES)
def test_the_threshold_is_the_specifications_and_a_gauge_that_cannot_be_read_accuses_nobody(gauge: str) -> None:
    threshold = {"memory": 0.85, "loop_lag": 0.05, "collector_pause": 0.05, "store_latency": 0.05, "embedding": 0.02,
                 "network": 0.15}[gauge]  # fmt: skip
    judge = JUDGES[gauge]
    assert only(judge(now({gauge: threshold * 1.01}), TERMS)).ratio > 1.0
    assert only(judge(now({gauge: threshold * 0.99}), TERMS)).ratio < 1.0
    assert list(judge(now({}), TERMS)) == []


def test_a_busy_core_with_a_low_token_rate() -> None:
    one = only(own.cpu(now({"cpu": 0.95}, workers=2), TERMS, 0.5))
    assert one.ratio == pytest.approx(0.95 / 0.9)
    assert one.severity == "high"
    assert one.impact == pytest.approx(0.001 + 0.8 * 0.5)  # own share, and half of the time in which tokens came
    assert one.evidence["token_rate_of_usual"] == 0.5
    assert one.action == "listen: {workers: 3}"


def test_a_busy_core_alone_is_none() -> None:
    assert only(own.cpu(now({"cpu": 0.99}), TERMS, 1.0)).ratio < 1.0
    assert only(own.cpu(now({"cpu": 0.5}), TERMS, 0.3)).ratio < 1.0
    assert list(own.cpu(now({}), TERMS, 0.3)) == []


def test_a_busy_core_before_the_usual_rate_is_known_is_told_as_a_lesser_thing() -> None:
    one = only(own.cpu(now({"cpu": 0.95}), TERMS, None))
    assert (one.ratio > 1.0, one.severity, one.impact) == (True, "medium", pytest.approx(0.001))


def test_a_loop_that_stands_still_meets_the_calls_of_that_moment() -> None:
    one = only(own.loop(now({"loop_lag": 1.0}), TERMS))
    assert one.impact == 0.5
    assert one.share == pytest.approx(0.2)  # calls of a second, a stop of a second, ten seconds
    assert one.severity == "critical"
    assert only(own.loop(now({"loop_lag": 20.0}), TERMS)).share == 1.0


def test_memory_tells_what_is_at_stake_and_how_much_is_needed() -> None:
    calls = [hit(), call(cache="miss"), call(cache="miss"), call(cache="miss")]
    one = only(own.memory(now({"memory": 0.9, "resident": 900 * 2**20}, calls), TERMS))
    assert one.severity == "high"
    assert (one.impact, one.share) == (pytest.approx(0.998), 0.25)
    assert one.action == "memory: {limit: 1176MiB}"
    assert only(own.memory(now({"memory": 0.96}), TERMS)).severity == "critical"
    assert only(own.memory(now({"memory": 0.9}), TERMS)).action == ""


def test_a_slow_store_says_whose_it_is() -> None:
    slow = {"store_latency": 0.2, "disk_latency": 0.15, "store_waiting": 40.0}
    one = only(own.store(now(slow, [call(cache="miss"), call()]), TERMS))
    assert "its disk" in one.description
    assert (one.share, one.severity) == (0.5, "high")
    shared = only(own.store(now({"store_latency": 0.2}, redis=True), TERMS))
    assert "shared store" in shared.description
    assert shared.action == ""


def test_a_slow_embedder_is_replaced_or_waited_for_less() -> None:
    one = only(own.embedding(now({"embedding": 0.1}, embedder="minilm"), TERMS))
    assert one.action == "cache: {semantic: {embedder: static}}"
    static = only(own.embedding(now({"embedding": 0.1}, embedder="static"), TERMS))
    assert static.action == "cache: {semantic: {patience: 10ms}}"


def test_callers_that_are_far_away() -> None:
    one = only(own.network(now({"network": 0.3}), TERMS))
    assert (one.impact, one.share) == (0.3, 0.5)

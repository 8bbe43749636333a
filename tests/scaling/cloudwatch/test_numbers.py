"""Numbers that AWS may scale by."""

import json

import pytest

from penstock.core.windows import Group, Window
from penstock.scaling.cloudwatch.numbers import Calls, Metrics, data, line, of_pools
from penstock.scaling.composite import composite


def _calls(*groups: Group) -> Calls:
    calls = Calls()
    for at, group in enumerate(groups):
        calls.take(Window(10.0 * at, groups=[group]))
    return calls


def test_the_composite_is_that_of_all_calls_of_the_time() -> None:
    one = Group(calls=3, total=6.0, tokens_in=100, tokens_cached=50, tokens_out=200, generating=4.0)
    other = Group(calls=1, total=2.0, tokens_in=100, tokens_cached=50, tokens_out=200, generating=4.0)
    told = _calls(one, other).whole()
    assert told["Requests"] == (0.2, "Count/Second")
    assert told["ResponseTime"] == (2.0, "Seconds")
    assert told["TokenRate"] == (50.0, "Count/Second")
    assert told["CacheHitRate"] == (50.0, "Percent")
    assert told["Composite"] == (composite(2.0, 50.0, 0.5), "None")


def test_an_answer_of_our_own_cache_counts_as_had() -> None:
    told = _calls(Group(calls=4, hits=2, total=4.0, tokens_in=100, tokens_cached=50)).whole()
    assert told["CacheHitRate"][0] == pytest.approx(75.0)  # half, and half of the rest
    assert "Composite" not in told  # nothing was generated: no rate is known


def test_no_call_is_neither_slow_nor_fast() -> None:
    calls = _calls(Group())
    assert calls.whole() == {"Requests": (0.0, "Count/Second")}
    assert calls.whole() == {}  # and of no time nothing is said


def test_pools_each_and_together() -> None:
    gpu = {"desired": 3, "ready": 2, "waiting": 4, "load": 10.0, "forecast": {"load": 20.0}}
    total, first, second = of_pools("pen", {"gpu": gpu, "cpu": {"desired": 1, "forecast": None}})
    assert total == Metrics({"Service": "pen"}, {
        "DesiredReplicas": (4.0, "Count"), "ReadyReplicas": (2.0, "Count"), "Waiting": (4.0, "Count"),
        "Load": (10.0, "Count"), "ForecastLoad": (20.0, "Count"),
    })  # fmt: skip
    assert first.dimensions == {"Service": "pen", "Pool": "gpu"}
    assert second.values == {"DesiredReplicas": (1.0, "Count")}
    assert of_pools("pen", {}) == []


def test_a_line_is_what_cloudwatch_logs_reads() -> None:
    told = json.loads(line("Penstock", Metrics({"Service": "pen", "Pool": "gpu"}, {"Waiting": (4.0, "Count")}), 12.5))
    assert told == {
        "_aws": {"Timestamp": 12500, "CloudWatchMetrics": [{
            "Namespace": "Penstock", "Dimensions": [["Service", "Pool"]],
            "Metrics": [{"Name": "Waiting", "Unit": "Count"}],
        }]},
        "Service": "pen", "Pool": "gpu", "Waiting": 4.0,
    }  # fmt: skip


def test_data_are_bounded() -> None:
    many = [Metrics({"Service": "pen", "Pool": str(number)}, {"Waiting": (1.0, "Count")}) for number in range(1200)]
    assert len(data(many)) == 1000

"""Which are made, in which order, and that every line of config that is recommended can be taken as it stands."""

from typing import Any

import msgspec
import pytest
import yaml

from penstock.config import Config
from penstock.insight.bottleneck_config import BottleneckConfig
from penstock.insight.bottlenecks.seen import Facts, Upstream
from penstock.insight.bottlenecks.standing import Bottlenecks
from penstock.insight.recommend import PRIORITIES, recommendations
from penstock.insight.recommending.known import Known, Model
from tests.insight.recommending.test_capacity import LEAK
from tests.support.advice import MODELS, known
from tests.support.spans import call, failed, hit, window

BASE = """
upstreams: {up: {kind: echo, price: {input: 10, output: 20}}, b: {kind: echo, price: {input: 1, output: 2}}}
models: {m: {upstreams: [up, b], strategy: least_connections}, n: {upstreams: [b]}}
affinity: {enabled: false}
"""
GAUGES = {"cpu": 0.99, "memory": 0.9, "resident": 9e8, "loop_lag": 1.0, "collector_pause": 1.0, "store_latency": 1.0,
          "embedding": 1.0, "network": 1.0}  # fmt: skip


def everything() -> tuple[Bottlenecks, Known]:
    """All that can be found, at once."""
    standing = Bottlenecks(BottleneckConfig(over=10, least_calls=1))
    held = call(queued=0.5, first_byte=0.8, waits={"admission": 0.3, "batching": 0.3, "grouping": 0.3}, connecting=0.5,
                cache="miss", cost=10_000, attempts=2)  # fmt: skip
    calls = [held] * 1000 + [call(model="n", cost=10, upstream="b")] * 200 + [hit()] * 10 + [failed()] * 200
    calls += [call(first_byte=9.0, total=10.0)] * 90 + [call(operation="embeddings")] * 100
    facts = Facts(upstreams={"up": Upstream(9, 8, 1.0, 8, 8)}, door=(10, 10), embedder="minilm")
    for place in range(2):
        standing.take(window(10.0 * place, calls, GAUGES), facts)
    models = MODELS | {"m": Model("least_connections", ("up", "b"), (), {"up": (10.0, 20.0), "b": (1.0, 2.0)})}
    suggested = [(about, "x", "text") for about in ("pressure", "hit_rate", "object_size", "pauses")]
    made = known(calls, seconds=600.0, bottlenecks=standing.now, leak=LEAK, suggestions=suggested, affinity=False,
                 first_token=120.0, models=models)  # fmt: skip
    made.totals.operations["embeddings"] = 600 * 50
    return standing, made


def taken(line: str) -> Config:
    """The config with that line written into it, as a person would."""
    return Config.parse(yaml.safe_dump(_merged(yaml.safe_load(BASE), yaml.safe_load(line))), "c.yaml", {})


def _merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{key: _merged(one[key], value) if key in one else value for key, value in other.items()}}


def test_every_line_of_config_is_one() -> None:
    standing, made = everything()
    found = recommendations(made)
    lines = [one.action for one in standing.now] + [action.config for one in found for action in one.actions]
    lines = [line for line in lines if line]
    assert len({one.kind for one in standing.now}) == 11
    assert len(lines) > 25
    default = msgspec.to_builtins(Config.parse(BASE, "c.yaml", {}).dump())
    for line in lines:
        assert msgspec.to_builtins(taken(line).dump()) != default, line  # and it changes something


def test_all_kinds_are_made_and_the_most_urgent_are_first() -> None:
    found = recommendations(everything()[1])
    assert {one.type for one in found} >= {
        "memory_leak", "hit_rate", "larger_machine", "more_workers", "replicas", "prefixes", "batching", "hedging",
        "timeouts", "dear_model", "connections", "memory_pressure",
    }  # fmt: skip
    ranks = [PRIORITIES.index(one.priority) for one in found]
    assert ranks == sorted(ranks)
    assert all(one.benefit and one.actions for one in found)


def test_of_few_calls_or_a_short_time_only_what_stands_is_told() -> None:
    few = [hit()] * 10 + [call(cache="miss")] * 80
    assert recommendations(known(few)) == []
    assert recommendations(known(few * 20, seconds=60.0)) == []
    assert [one.type for one in recommendations(known(few, leak=LEAK))] == ["memory_leak"]


@pytest.mark.parametrize("calls", [[], [call()], [failed()] * 500])
def test_nothing_is_divided_by_nothing(calls: list[Any]) -> None:
    recommendations(known(calls, seconds=0.0))
    recommendations(known(calls))

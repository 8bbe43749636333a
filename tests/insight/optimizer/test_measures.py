import math

import pytest

from penstock.core.sketch import put
from penstock.core.windows import Group, Window
from penstock.insight.optimizer.measures import ALWAYS, MEASURES, readings


def busy() -> Window:
    group = Group("chat", "m", "u", calls=20, streams=20, faults={"upstream": 2, "caller": 5}, looked_up=20, hits=5)
    group.tokens_out, group.generating, group.cost, group.total = 1000, 20.0, 4000, 30.0
    for _ in range(20):
        put(group.totals, 2.0)
        put(group.firsts, 0.5)
    return Window(0.0, 10.0, [group], gauges={"memory": 0.5, "cpu": 1.0}, feedback={"m": (10, 8.0)})


def test_a_window_tells_all_that_is_in_it() -> None:
    found = readings(busy())
    assert found["ttft_p95"] == pytest.approx(0.5, rel=0.03)
    assert found["latency_p95"] == pytest.approx(2.0, rel=0.03)
    exact = {
        "latency_mean": 1.5,
        "token_rate": 50.0,
        "goodput": 1.8,
        "error_share": 0.1,
        "cost_per_call": 200.0,
        "hit_rate": 0.25,
        "memory": 0.5,
        "calls": 20.0,
        "lookups": 20.0,
        "opinions": 10.0,
    }
    assert {name: found[name] for name in exact} == exact
    assert found["dislikes"] == pytest.approx(0.2)
    assert "cpu" not in found
    assert set(found) - {"calls", "lookups", "opinions"} <= MEASURES.keys()


def test_a_window_with_few_calls_tells_nothing_of_them() -> None:
    window = Window(0.0, 10.0, [Group("chat", "m", "u", calls=2, looked_up=2)])
    assert readings(window) == {"calls": 2.0, "lookups": 2.0}


def test_levels_are_logarithms_but_for_shares() -> None:
    latency, hits = MEASURES["latency_p95"], MEASURES["hit_rate"]
    assert latency.level(0.0) is None
    assert latency.value(latency.level(3.0) or 0.0) == pytest.approx(3.0)
    assert latency.change(math.log(1.2)) == pytest.approx(0.2)
    assert latency.tolerance(0.2) == pytest.approx(math.log(1.2))
    assert (hits.level(0.4), hits.value(0.4), hits.change(0.05), hits.tolerance(0.2)) == (0.4, 0.4, 0.05, 0.1)
    assert hits.least(0.02) == 0.01
    assert latency.least(0.02) == pytest.approx(math.log(1.02))
    assert set(ALWAYS) <= MEASURES.keys()

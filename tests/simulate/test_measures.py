import math

import pytest

from penstock.simulate.fleet import Fleet
from penstock.simulate.hardware import ENGINES, Engine
from penstock.simulate.measures import Goal, measure, percentile
from penstock.simulate.routing import Run, Settings
from penstock.simulate.traces import Row, Trace

PLAIN = Engine("plain", 0.01, 0.0, 0.0, 0.001, 1e12, 1000, 4, 10_000)


def test_by_hand() -> None:
    trace = Trace("t", [Row(0.0, 1000, 1)] * 3 + [Row(50.0, 100, 11)])
    run = Run(trace, Fleet(PLAIN, [1.0]), "round_robin", 1, Settings(patience=2.5))
    run.go()
    told = measure(run, Goal(first=1.5, gap=0.02))
    assert (told.calls, told.goodput, told.failed) == (4, 0.5, 0.25)
    assert told.first_p50 == pytest.approx(1.01)
    assert (told.first_p99, told.total_p99) == (2.5, math.inf)
    assert told.gap_p90 == pytest.approx(0.01)
    assert (told.hit_rate, told.imbalance) == (0.0, 1.0)
    assert measure(run, Goal(first=0.05, per_token=0.001, gap=0.02)).goodput == 0.5
    assert measure(run, Goal(first=9.0, gap=0.001)).goodput == 0.5
    assert measure(run, Goal(first=1.5, gap=0.02), skip=0.5).calls == 2


def test_imbalance_is_by_speed() -> None:
    trace = Trace("t", [Row(0.0, 1000, 1)] * 4)
    run = Run(trace, Fleet(PLAIN, [1.0, 0.5]), "round_robin", 1)
    run.go()
    assert measure(run, Goal()).imbalance == pytest.approx(4000 / 3000)


def test_percentiles_by_rank() -> None:
    assert [percentile([1, 2, 3, 4], percent) for percent in (0, 25, 50, 90, 100)] == [1, 1, 2, 4, 4]
    assert percentile([], 50) == 0.0


def test_the_usual_goal_follows_the_engine() -> None:
    goal = Goal.of(ENGINES["qwen3-32b"])
    assert (goal.first, goal.per_token, goal.gap) == (1.0, pytest.approx(3 / 20_480), 0.1)

import random

from bench.planted import Outcome, Result, run, table
from bench.planted_faults import KINDS, Plan, plan
from bench.planted_world import BEGIN, Faults, World, poisson

GAP = (900.0, 1200.0)


def test_faults_of_a_few_kinds_are_found_with_their_causes() -> None:
    """The bench, shortened: seeds and sizes are drawn anew at each run."""
    kinds = ("upstream slows", "loop blocked", "price jumps", "upstream flaps")
    result = run(random.SystemRandom().randrange(10**9), 0.1, kinds, 0.05, GAP, 5.0)
    assert len(result.outcomes) >= 3
    wrong = [(one.plan, one.first, one.said) for one in result.outcomes if not one.right]
    assert len(wrong) <= 1, wrong
    assert len(result.false) <= 1, result.false


def test_every_kind_plants_something() -> None:
    world, draw = World(1), random.Random(1)
    assert len(KINDS) >= 20
    for kind in KINDS:
        planted = plan(kind, world, draw)
        assert planted.at(60.0) != Faults(), kind
        assert planted.kinds
        assert planted.blames


def test_a_window_is_made_by_the_tally() -> None:
    world, calm = World(2), Faults()
    windows = [world.window(BEGIN + 10 * number, calm, calm, BEGIN + 10 * number) for number in range(20)]
    there = [window for window in windows if window is not None]
    assert len(there) >= 18
    assert sum(window.calls for window in there) > 100
    assert {"loop_lag", "memory", "disk_free"} <= set(there[0].gauges)
    assert {"key", "prompt", "cache"} <= set(there[0].parts)


def test_only_what_is_found_in_time_and_rightly_named_counts() -> None:
    planted = Plan("upstream slows", lambda _: Faults(), ("high_latency",), ("upstream=gpu-1",), 2.0)
    right = Outcome(planted, 0.0, 60.0, ("high_latency", "upstream=gpu-1", ""))
    late = Outcome(planted, 0.0, 130.0, ("high_latency", "upstream=gpu-1", ""))
    wrong = Outcome(planted, 0.0, 60.0, ("high_latency", "upstream=gpu-2", ""))
    assert [one.right for one in (right, late, wrong, Outcome(planted, 0.0))] == [True, False, False, False]
    lines = table([Result(outcomes=[right, late, wrong])])
    assert lines[-1].startswith("| all | 3 | 2 | 1 |")


def test_numbers_of_calls_have_their_mean() -> None:
    draw = random.Random(1)
    for mean in (0.5, 20.0, 100.0):
        drawn = [poisson(draw, mean) for _ in range(3000)]
        assert abs(sum(drawn) / 3000 - mean) < 0.1 * mean + 0.05

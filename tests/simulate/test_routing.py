import random
from collections.abc import Sequence

import pytest

from penstock.routing.ask import Ask
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.round_robin import RoundRobin
from penstock.routing.targets import Target
from penstock.simulate.fleet import Fleet, fleet
from penstock.simulate.hardware import ENGINES, Engine
from penstock.simulate.policies import names
from penstock.simulate.routing import Run, Settings
from penstock.simulate.sampling import at_rate, synthetic
from penstock.simulate.traces import Row, Trace

ENGINE = ENGINES["qwen3-32b"]
PLAIN = Engine("plain", 0.01, 0.0, 0.0, 0.001, 1e12, 1000, 4, 10_000)
TALK = synthetic(150, random.Random(1))


@pytest.mark.parametrize("policy", names())
def test_every_policy_serves_every_call_and_leaves_nothing_behind(policy: str) -> None:
    run = Run(at_rate(TALK, 8.0), fleet(ENGINE, 4, "mixed", random.Random(1)), policy, 1)
    outcomes = run.go()
    assert len(outcomes) == 150
    assert all(outcome.work.end >= outcome.work.first > outcome.at for outcome in outcomes)
    for target in run.targets:
        assert (target.in_flight, target.load.calls, target.load.waiting) == (0, 0, 0.0)
    assert sum(target.served for target in run.targets) == 150


def ends(seed: int, policy: str = "adaptive", hardware: str = "degraded") -> list[float]:
    run = Run(at_rate(TALK, 6.0), fleet(ENGINE, 3, hardware, random.Random(seed)), policy, seed)
    return [outcome.work.end for outcome in run.go()]


def test_equal_seeds_equal_results() -> None:
    assert ends(4) == ends(4)
    assert ends(4) != ends(5)


def test_round_robin_by_hand() -> None:
    # A prompt of 1,000 tokens takes a second and a step; four come at once to two replicas.
    trace = Trace("t", [Row(0.0, 1000, 1)] * 4)
    run = Run(trace, Fleet(PLAIN, [1.0, 0.5]), "round_robin", 1)
    assert [outcome.replica for outcome in run.go()] == [0, 1, 0, 1]
    firsts = [outcome.work.first for outcome in run.outcomes]
    assert firsts == pytest.approx([1.01, 2.02, 2.02, 4.04])


def test_who_waits_too_long_has_failed_and_frees_its_place() -> None:
    trace = Trace("t", [Row(0.0, 1000, 1)] * 4 + [Row(9.0, 1000, 1)])
    run = Run(trace, Fleet(PLAIN, [1.0]), "round_robin", 1, Settings(patience=2.5))
    outcomes = run.go()
    assert [bool(outcome.work.first) for outcome in outcomes] == [True, True, False, False, True]
    assert [outcome.exchange.outcome for outcome in outcomes] == ["ok", "ok", "error", "error", "ok"]
    assert run.targets[0].in_flight == 0
    assert outcomes[4].work.first == pytest.approx(10.01)


def test_the_degraded_one_is_noticed() -> None:
    those = Fleet(ENGINE, [1.0] * 4, falls=2)
    run = Run(at_rate(synthetic(800, random.Random(2)), 20.0), those, "adaptive", 1)
    outcomes = run.go()[400:]
    share = sum(outcome.replica == 2 for outcome in outcomes) / len(outcomes)
    assert share < 0.2
    assert run.replicas[2].speed == pytest.approx(1 / 3)


def test_pages_are_read_late_and_tell_what_was() -> None:
    trace = Trace("t", [Row(0.0, 5000, 1)] * 2 + [Row(6.2, 10, 1)])
    run = Run(trace, Fleet(PLAIN, [1.0]), "round_robin", 1, Settings(scrape=3.0, late=0.5))
    read: list[Scraped | None] = []

    class Spy(RoundRobin):
        def choose(self, targets: Sequence[Target], ask: Ask) -> Target:
            read.append(targets[0].load.scraped)
            return super().choose(targets, ask)

    run.strategy = Spy()
    run.go()
    # That of 6.0 s is still on its way; the second call found no room in the cache.
    assert read == [None, None, Scraped(3.0, 1.0, 1.0, 0.5001, 2)]

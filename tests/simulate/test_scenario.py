import random

from penstock.simulate.hardware import ENGINES
from penstock.simulate.measures import Goal
from penstock.simulate.sampling import synthetic
from penstock.simulate.scenario import Scenario

SCENARIO = Scenario(synthetic(600, random.Random(1)), ENGINES["qwen3-32b"], 4, 0.5, "mixed", calls=120)


def test_policies_meet_the_same_calls_and_seeds_repeat() -> None:
    told: list[int] = []
    compared = SCENARIO.compare(["round_robin", "adaptive"], [3, 4], told.append)
    assert told == [1, 2]
    assert [len(measures) for measures in compared.values()] == [2, 2]
    assert compared["adaptive"][0] == SCENARIO.play(["adaptive"], 3)["adaptive"]
    assert compared["adaptive"][0] != compared["adaptive"][1]
    assert compared["adaptive"][0].calls == 90


def test_more_load_waits_longer_and_a_goal_may_be_given() -> None:
    light, heavy = (
        Scenario(SCENARIO.trace, SCENARIO.engine, 2, load, calls=200, goal=Goal(0.05)).play(["random"], 1)["random"]
        for load in (0.2, 1.5)
    )
    assert light.first_p90 < heavy.first_p90
    assert light.goodput > heavy.goodput


def test_the_base_is_the_capacity() -> None:
    base = SCENARIO.capacity()
    given = Scenario(SCENARIO.trace, SCENARIO.engine, 4, 0.5, "mixed", calls=120, base=base)
    assert given.play(["random"], 1) == SCENARIO.play(["random"], 1)

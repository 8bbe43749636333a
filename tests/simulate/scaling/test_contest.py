import numpy as np
import pytest

from penstock.simulate.scaling.contest import ENTRANTS, OURS, USUAL, contest
from penstock.simulate.scaling.curves import front, hours_at
from penstock.simulate.scaling.demand import made
from penstock.simulate.scaling.foretold import Foretold
from penstock.simulate.scaling.play import Scene
from penstock.simulate.scaling.pool import Hardware


@pytest.fixture(scope="module")
def scene() -> Scene:
    demand = made("steps", 200.0, 3.0, 120.0, np.random.default_rng(0))
    hardware = Hardware(carries=float(demand.load[0] / demand.calls[0]) * 7.0, starts=600.0)
    return Scene(demand, hardware, hardware.carries, upper=Foretold(demand, 600.0).upper, skip=86_400.0)


def test_every_policy_serves_at_one_of_its_settings(scene: Scene) -> None:
    for name in USUAL:
        one = ENTRANTS[name]
        tally = scene.play(one.make(scene, one.settings[0]), one.eyes, one.grace, one.rescues)
        assert tally.violations < 0.9, name
        assert tally.hours > 0, name


def test_nobody_beats_who_knows_what_comes(scene: Scene) -> None:
    points = list(contest(scene, (OURS, "kpa", "oracle")))
    by = {name: [one for one in points if one.policy == name] for name in (OURS, "kpa", "oracle")}
    for level in (0.005, 0.02, 0.05):
        best = hours_at(by["oracle"], level)
        assert best is not None
        for name in (OURS, "kpa"):
            hours = hours_at(by[name], level)
            assert hours is None or hours > best
    assert len(front(by[OURS])) > 2


def test_a_name_that_is_none_is_an_error(scene: Scene) -> None:
    with pytest.raises(KeyError):
        list(contest(scene, ("guess",)))

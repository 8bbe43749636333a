import numpy as np

from penstock.scaling.seen import Decision, Seen
from penstock.simulate.scaling.demand import made
from penstock.simulate.scaling.play import Eyes, Scene, Trail
from penstock.simulate.scaling.pool import Hardware

DEMAND = made("ramp", 100.0, 0.1, 10.0, np.random.default_rng(0))
HARDWARE = Hardware(carries=10.0 * float(DEMAND.load[0] / DEMAND.calls[0]), starts=60.0)
SCENE = Scene(DEMAND, HARDWARE, HARDWARE.carries)


class Says:
    name = "says"

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.seen: list[Seen] = []

    def decide(self, seen: Seen) -> Decision:
        self.seen.append(seen)
        return Decision(seen.at, self.wanted, "hold", "")


def test_more_replicas_cost_more_and_violate_less() -> None:
    told = [SCENE.play(Says(count), Eyes(), 60.0, True) for count in (5, 15, 30)]
    assert told[0].hours < told[1].hours < told[2].hours
    assert told[0].violations > told[1].violations > told[2].violations
    assert told[2].violations < 0.001


def test_what_is_seen_is_as_late_and_as_smooth_as_said() -> None:
    now, later = Says(30), Says(30)
    SCENE.play(now, Eyes(10.0, 10.0), 60.0, True)
    SCENE.play(later, Eyes(30.0, 60.0, 30.0), 60.0, True)
    assert [one.at for one in later.seen[:3]] == [0.0, 30.0, 60.0]
    at = 600.0
    loads = DEMAND.load[round(at / 10) - 9 : round(at / 10) - 3]
    seen = next(one for one in later.seen if one.at == at)
    assert abs(seen.load - loads.mean()) < 1e-6
    seen = next(one for one in now.seen if one.at == at)
    assert abs(seen.load - DEMAND.load[59]) < 1e-6


def test_equal_seeds_give_equal_runs_and_what_is_skipped_does_not_count() -> None:
    one, other = (SCENE.play(Says(15), Eyes(), 60.0, True) for _ in range(2))
    assert one == other
    late = Scene(DEMAND, HARDWARE, HARDWARE.carries, skip=DEMAND.seconds / 2).play(Says(15), Eyes(), 60.0, True)
    assert abs(late.hours - one.hours / 2) < 0.1


def test_a_trail_is_left() -> None:
    trail = Trail()
    SCENE.play(Says(15), Eyes(), 60.0, True, trail)
    assert len(trail.load) == len(trail.carried) == len(trail.late)
    assert 100 < len(trail.load) <= 1200

import math
import random

import pytest

from penstock.insight.anomalies.gauges import GAUGES, GaugeWatch, fillings
from penstock.insight.anomalies.track import Symptom
from penstock.insight.anomaly_config import AnomalyConfig


class Host:
    """Gauges as a quiet host has them."""

    def __init__(self) -> None:
        self.watch = GaugeWatch(AnomalyConfig())
        self.draw = random.Random(1)
        self.at = 0.0

    def play(self, windows: int, **instead: float) -> list[Symptom]:
        """What was sure in the last of so many windows."""
        found: list[Symptom] = []
        for _ in range(windows):
            self.at += 10.0
            gauges = {gauge.name: 0.002 * self.draw.lognormvariate(0, 0.4) for gauge in GAUGES}
            gauges |= {"memory": 0.4 + self.draw.gauss(0, 0.005), "disk_free": 0.5, "descriptors": 0.1}
            found = [one for one in self.watch.take(self.at, gauges | instead) if one.sure]
        return found


def names(found: list[Symptom]) -> set[str]:
    return {one.measure for one in found}


@pytest.mark.parametrize("name", [gauge.name for gauge in GAUGES if gauge.opens])
def test_a_level_that_jumps_is_found_in_forty_seconds(name: str) -> None:
    host = Host()
    assert host.play(200) == []
    assert names(host.play(4, **{name: 0.6})) == {name}


def test_a_single_spike_and_what_is_too_small_to_matter_are_nothing() -> None:
    host = Host()
    host.play(200)
    assert host.play(1, loop_lag=3.0) == []
    assert host.play(3) == []
    assert host.play(10, loop_lag=0.05) == []


def test_three_values_that_are_high_together_say_more_than_the_least_of_them() -> None:
    host = Host()
    host.play(400)
    host.play(1, embedding=0.011)  # five and a half times as much as usual, by a spread of 0.4 in the logarithm
    host.play(1, embedding=0.016)
    host.play(1, embedding=0.011)
    assert names(host.play(1, embedding=0.012)) == {"embedding"}


def test_memory_that_has_fallen_back_is_no_leak() -> None:
    host = Host()
    host.play(200)
    found: list[Symptom] = []
    for step in range(12):
        found = host.play(1, memory=0.4 + 0.01 * step)
    assert names(found) == {"memory"}
    assert host.play(1, memory=0.42) == []


def test_gauges_that_are_absent_or_no_numbers_are_borne() -> None:
    watch = GaugeWatch(AnomalyConfig())
    assert watch.take(0.0, {}) == []
    assert watch.take(10.0, {"memory": math.nan, "loop_lag": math.inf}) == []


@pytest.mark.parametrize(("gauge", "name", "value"), [("memory", "memory", 0.9), ("descriptors", "descriptors", 0.9),
                                                      ("disk_free", "disk", 0.05)])  # fmt: skip
def test_past_a_bound_it_is_told(gauge: str, name: str, value: float) -> None:
    host = Host()
    host.play(100)
    assert names(host.play(4, **{gauge: value})) == {name}


def test_who_is_usually_above_the_bound_is_not_told_of_it() -> None:
    host = Host()
    host.play(20, memory=0.9)
    host.play(500, memory=0.9)
    assert host.play(20, memory=0.9) == []


def test_what_fills_steadily_is_told_before_it_is_full() -> None:
    host = Host()
    host.play(200)
    found: list[Symptom] = []
    for step in range(12):
        found = host.play(1, memory=0.4 + 0.01 * step, disk_free=0.5 - 0.005 * step)
    assert names(found) == {"memory", "disk"}
    assert all(one.expected == pytest.approx(0.4 if one.measure == "memory" else 0.5, abs=0.02) for one in found)


def test_descriptors_that_follow_the_traffic_are_not_running_out() -> None:
    host = Host()
    host.play(200)
    for step in range(12):
        assert host.play(1, descriptors=0.1 + 0.01 * step) == []


def test_a_step_that_stays_is_no_leak() -> None:
    host = Host()
    host.play(200)
    seen = set()
    for _ in range(40):
        seen |= names(host.play(1, memory=0.5))
    assert seen == set()


def test_the_bound_of_memory_is_configured_and_levels_survive_a_restart() -> None:
    assert fillings(AnomalyConfig(memory=0.7))[0].bound == 0.7
    host, again = Host(), Host()
    host.play(200)
    again.watch.load(host.watch.dump())
    again.watch.load({"loop_lag": ["count"]})
    assert names(again.play(4, loop_lag=0.6)) == {"loop_lag"}

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.memory.leak import GRACE_SECONDS, MIB, Finding, Leaks, Reading, Trend
from penstock.memory.leak_config import LeakConfig

EVERY = 5.0
HOUR = 3600.0
LIMIT = 2048 * MIB


class Gateway:
    """A process under bursty load, in virtual time: what it holds, and what of it goes back to the machine."""

    def __init__(self, seed: int, leak: float = 0.0, usual: float = 50.0) -> None:
        self.dice = dice = random.Random(seed)
        self.leak = leak
        self.usual = usual
        self.calls = 0
        self.lost = 0.0
        self.at = 0.0
        self.burst_until = 0.0
        self.rate = usual
        self.floor = dice.uniform(60, 200) * MIB
        self.body = dice.choice((2, 20, 200)) * 1024.0
        self.kept = dice.uniform(0.0, 0.8)  # of the highest use, that the allocator does not give back
        self.cache_bound = dice.choice((0, 64, 256)) * MIB
        self.cache_entry = dice.choice((1, 4, 16)) * 1024.0
        self.cache_true = dice.uniform(1.0, 1.7)  # what an entry takes, in units of what is accounted for
        self.cache = 0.0
        self.memo = 0.0  # something small and bounded that no account tells
        self.highest = 0.0
        self.ramp = dice.choice((1.0, 1.0, 1.02, 0.98))
        self.period = dice.uniform(200, 2000)

    def step(self) -> dict[str, Reading]:
        dice = self.dice
        self.at += EVERY
        if self.at >= self.burst_until:
            burst = dice.random() < 0.25
            self.rate = self.usual * (dice.uniform(3, 12) if burst else dice.uniform(0.2, 1.2))
            self.burst_until = self.at + dice.expovariate(1 / (20 if burst else 60))
        self.usual = min(max(self.usual * self.ramp ** (EVERY / 60), 2.0), 400.0)
        calls = int(self.rate * EVERY * dice.uniform(0.7, 1.3))
        self.calls += calls
        in_flight = int(self.rate * dice.uniform(0.2, 2.0))
        held = in_flight * self.body * dice.uniform(0.5, 1.5)
        self.cache = min(self.cache_bound, self.cache + calls * self.cache_entry * 0.5)
        self.memo += (12 * MIB - self.memo) * min(1.0, calls / 20_000)
        if dice.random() < 0.002:
            self.cache = 0.0  # flushed
        self.lost += calls * self.leak
        use = held * dice.uniform(1.0, 1.5) + in_flight * 20_000
        self.highest = max(self.highest, use)
        rss = self.floor + self.lost + self.cache * self.cache_true + self.memo
        rss += max(use, self.kept * self.highest) + dice.gauss(0, 0.5) * MIB
        explained = held + self.cache + in_flight * 32 * 1024
        return {"memory": Reading(rss, explained, in_flight, self.calls)}


def watched(gateway: Gateway, seconds: float) -> tuple[float, Finding] | None:
    leaks = Leaks(LeakConfig(), 0.0)
    while gateway.at < seconds:
        readings = gateway.step()
        for finding in leaks.add(gateway.at, readings["memory"].value / LIMIT, readings):
            return gateway.at, finding
    return None


@pytest.mark.parametrize("seed", range(60))
def test_an_hour_of_bursts_raises_no_alarm(seed: int) -> None:
    assert watched(Gateway(seed), HOUR) is None


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("leak", [20_000, 50_000, 200_000])
def test_a_planted_leak_is_found_within_five_minutes(seed: int, leak: int) -> None:
    found = watched(Gateway(seed, leak), 300.0)
    assert found is not None
    at, finding = found
    assert at <= 300
    assert finding.name == "memory"
    assert 0.3 * leak < finding.a_call < 3 * leak

"""The end of hits and their return."""

from __future__ import annotations

import json
import random

import pytest

from penstock.cache.verify.watch import Watch, Watches


def _bad(watch: Watch) -> None:
    for _ in range(1_000):
        watch.request(hit=True)
        watch.check(wrong=True, sampling=0.5)
        if watch.stopped:
            return


def test_hits_end_when_they_err_too_often_and_return_on_evidence() -> None:
    watch = Watch(0.01, None, 0.025, 0.05, interval=True)
    _bad(watch)
    assert "above 0.01" in watch.stopped
    assert watch.stops == 1
    needed = 0
    while watch.stopped and needed < 5_000:
        watch.request(hit=False)
        watch.would(wrong=False)
        needed += 1
    assert 300 < needed < 2_000
    assert watch.status().evidence == pytest.approx(1.0)


def test_they_do_not_return_while_what_would_be_given_is_wrong() -> None:
    watch = Watch(0.01, None, 0.025, 0.05)
    _bad(watch)
    for number in range(5_000):
        watch.would(wrong=number % 25 == 0)
    assert watch.stopped


def test_at_three_times_the_limit_it_ends_soon_because_suspicion_checks_more() -> None:
    rng = random.Random(5)
    ends = []
    for _ in range(20):
        watch = Watch(0.01, None, 0.025, 0.05)
        while not watch.stopped and watch.requests < 20_000:
            hit = rng.random() < 0.45
            watch.request(hit)
            sampling = 0.2 if watch.suspicious else 0.05
            if hit and rng.random() < sampling:
                watch.check(rng.random() < 0.03 / 0.45, sampling)
        ends.append(watch.requests)
    assert sorted(ends)[10] < 3_500
    assert max(ends) < 20_000


def test_good_hits_go_on() -> None:
    watch = Watch(0.01, 0.05, 0.025, 0.05, interval=True)
    for number in range(10_000):
        watch.request(hit=number % 2 == 0)
        if number % 20 == 0:
            watch.check(wrong=number % 4_000 == 0, sampling=0.1)
    assert not watch.stopped
    status = watch.status()
    assert status.low <= status.estimate <= status.high < 0.04
    assert (status.requests, status.hits, status.checked, status.wrong_seen) == (10_000, 5_000, 500, 3)


def test_errors_per_hit_end_hits_too() -> None:
    watch = Watch(0.2, 0.01, 0.5, 0.05)
    for _ in range(5_000):
        for hit in (True, False, False, False):
            watch.request(hit)
        watch.check(wrong=True, sampling=1.0)
        if watch.stopped:
            break
    assert "per hit" in watch.stopped


def test_a_stopped_partition_outlives_others_when_there_are_too_many() -> None:
    watches = Watches(3, 0.01, None, 0.025, 0.05)
    _bad(watches.of("bad"))
    for number in range(10):
        watches.of(number)
    assert len(watches) == 3
    assert list(watches.stopped()) == ["bad"]
    for number in range(3):
        _bad(watches.of(f"worse {number}"))
    assert len(watches) == 3


def test_state_is_taken_up_again_also_when_stopped() -> None:
    watch, other = Watch(0.01, None, 0.025, 0.05, interval=True), Watch(0.01, None, 0.025, 0.05, interval=True)
    _bad(watch)
    watch.would(wrong=False)
    other.load(json.loads(json.dumps(watch.dump())))
    assert other.status() == watch.status()
    with pytest.raises((ValueError, KeyError, TypeError)):
        other.load({**watch.dump(), "counts": [1]})
    with pytest.raises((ValueError, KeyError, TypeError)):
        other.load(None)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.memory.collector import (
    CALM_LAG_SECONDS,
    DEEP_SECONDS,
    EAGER,
    EARLY,
    FULL_SECONDS,
    MOST_SHARE,
    ORDINARY,
    RELAXED,
    Collector,
    thresholds,
)
from penstock.memory.collector_config import CollectorConfig

CONFIG = CollectorConfig()
LATE = 10 * CALM_LAG_SECONDS


@pytest.mark.parametrize(
    ("share", "before", "after"),
    [
        (0.1, ORDINARY, RELAXED),
        (0.1, EAGER, RELAXED),
        (0.3, EAGER, EAGER),  # left as it was
        (0.45, RELAXED, RELAXED),
        (0.6, ORDINARY, ORDINARY),
        (0.61, RELAXED, ORDINARY),
        (0.8, EAGER, ORDINARY),
        (0.81, RELAXED, EAGER),
        (3.0, ORDINARY, EAGER),
    ],
)
def test_pressure_sets_the_thresholds(share: float, before: object, after: object) -> None:
    assert thresholds(share, before, CONFIG) == after  # type: ignore[arg-type]


@given(st.floats(0, 2), st.floats(0, 2))
def test_more_pressure_never_makes_it_calmer(one: float, other: float) -> None:
    for before in (RELAXED, ORDINARY, EAGER):
        low, high = sorted((one, other))
        if not any(CONFIG.low <= share <= CONFIG.moderate for share in (low, high)):  # between, it is as it was
            assert thresholds(high, before, CONFIG) <= thresholds(low, before, CONFIG)


def test_it_is_looked_at_as_often_as_configured() -> None:
    collector = Collector(CONFIG, 0.0)
    assert collector.look(29.9, 0.1) is None
    assert collector.look(30.0, 0.1) == RELAXED
    assert collector.look(31.0, 0.9) is None
    assert collector.look(60.0, 0.1) is None  # it is so already
    assert collector.look(90.0, 0.9) == EAGER


def test_high_pressure_forces_a_collection_at_each_look() -> None:
    collector = Collector(CONFIG, 0.0)
    collector.look(30.0, 0.9)
    assert collector.choose(30.0, 100, LATE, 0) == "deep"
    collector.done("deep", 30.0, 0.2)
    assert collector.choose(31.0, 100, LATE, 0) is None
    collector.look(60.0, 0.9)
    assert collector.choose(60.0, 100, LATE, 0) == "deep"


def test_a_due_collection_waits_for_an_idle_moment() -> None:
    collector = Collector(CONFIG, 0.0)
    collector.want("deep", 1.0)
    assert collector.choose(2.0, 1, 0.0, 0) is None  # how long it takes is not known yet
    assert collector.choose(3.0, 0, LATE, 0) == "deep"
    collector.done("deep", 3.0, 0.01)
    assert collector.choose(4.0, 0, 0.0, 0) is None
    collector.want("deep", 5.0)
    assert collector.choose(6.0, 7, LATE, 0) is None
    assert collector.choose(6.5, 7, 0.0, 0) == "deep"  # short, and the loop has time
    collector.done("deep", 6.5, CONFIG.pause * 2)
    collector.want("deep", 7.0)
    assert collector.choose(8.0, 7, 0.0, 0) is None  # long: only without calls


@given(st.floats(0, 1e6), st.integers(1, 9000), st.floats(0, 10), st.floats(0, 100))
def test_none_waits_for_ever(began: float, in_flight: int, lag: float, pause: float) -> None:
    collector = Collector(CONFIG, 0.0)
    collector.done("deep", 0.0, pause)
    collector.want("deep", began)
    assert collector.choose(began + CONFIG.postpone + 1, in_flight, lag, 0) == "deep"


def test_a_full_one_is_due_after_a_while_and_later_where_it_takes_long() -> None:
    collector = Collector(CONFIG, 0.0)
    assert collector.choose(FULL_SECONDS - 1, 0, 0.0, 0) is None
    assert collector.choose(FULL_SECONDS, 0, 0.0, 0) == "full"
    collector.done("full", FULL_SECONDS, 2.0)
    later = FULL_SECONDS + 2.0 / MOST_SHARE
    assert collector.choose(later - 1, 0, 0.0, 0) is None
    assert collector.choose(later, 0, 0.0, 0) == "full"


def test_everything_is_looked_at_once_an_hour_but_only_without_calls() -> None:
    collector = Collector(CONFIG, 0.0)
    collector.done("full", DEEP_SECONDS, 0.001)
    assert collector.choose(DEEP_SECONDS + 5, 1, 0.0, 0) is None
    assert collector.choose(DEEP_SECONDS + 10, 0, 0.0, 0) == "deep"


def test_young_ones_are_made_early_where_nobody_waits() -> None:
    collector = Collector(CONFIG, 0.0)
    count = collector.thresholds.young // EARLY + 1
    assert collector.choose(1.0, 5, LATE, count) is None
    assert collector.choose(1.0, 5, 0.0, count - 1) is None
    assert collector.choose(1.0, 5, 0.0, count) == "young"
    collector.done("young", 1.0, 2 * CONFIG.pause)  # too long to be worth it: left to Python
    assert collector.choose(2.0, 5, 0.0, count) is None


def test_young_ones_are_tried_again_after_a_full_one() -> None:
    collector = Collector(CONFIG, 0.0)
    count = collector.thresholds.young // EARLY + 1
    collector.done("young", 1.0, 2 * CONFIG.pause)
    collector.done("full", 2.0, 0.001)  # what made it long is frozen
    assert collector.choose(3.0, 5, 0.0, count) == "young"


def test_a_collection_that_somebody_has_just_made_is_not_forced_again() -> None:
    policy = Collector(CollectorConfig(), 0.0)
    policy.done("deep", 20.0, 0.01)
    policy.look(30.0, 0.95)
    assert not policy.forced
    policy.look(60.0, 0.95)
    assert policy.forced

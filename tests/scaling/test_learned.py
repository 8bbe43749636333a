import math
import random

import pytest

from penstock.scaling.learned import COSTS, PROMPT_TOKEN, Capacity, Curve, Did

GOAL = 0.01


def late_at(use: float) -> float:
    """Nobody is late up to 80 % of what a replica can do; from there on ever more."""
    return min(1.0, max(0.0, (use - 0.8) * 3))


def run(
    capacity: Capacity, can: float, windows: int, cost: float = PROMPT_TOKEN, prompt: float = 1000.0,
    answer: float = 200.0, seed: int = 0,
) -> float:  # fmt: skip
    """A pool that is sized by what was learned, for a load that moves; ``can``: what a replica really does at most, in
    answer tokens. Returns the share of calls that was late in the last half."""
    rng = random.Random(seed)
    late = total = 0.0
    real, told = cost * prompt + answer, PROMPT_TOKEN * prompt + answer
    for number in range(windows):
        calls = 40 * can / real * rng.uniform(0.8, 1.2)
        carries = capacity.carries or 0.3 * can
        ready = max(1, -int(-calls * told // carries))
        use = calls * real / ready / can
        served = min(calls, calls / use)
        share = late_at(use)
        capacity.learn(Did(calls, calls * prompt, calls * answer, served, ready, share, calls * 10))
        if number >= windows // 2:
            late += share * calls
            total += calls
    return late / total


@pytest.mark.parametrize("prior", [0.0, 100.0, 20_000.0])
def test_whatever_was_believed_before_it_finds_what_a_replica_carries(prior: float) -> None:
    capacity = Capacity(GOAL, prior)
    assert capacity.carries == prior
    late = run(capacity, 2400.0, 600)
    assert 0.65 * 2400 < capacity.carries < 0.95 * 2400
    assert late < 5 * GOAL


def test_replicas_that_become_slower_are_found_out() -> None:
    capacity = Capacity(GOAL)
    run(capacity, 2400.0, 400)
    run(capacity, 1200.0, 400)
    assert 0.5 * 1200 < capacity.carries < 1.0 * 1200


def test_more_than_was_seen_to_go_well_is_tried_by_a_step_only() -> None:
    curve = Curve()
    curve.learn(100.0, 0.0, 10_000.0)
    assert 100.0 <= curve.carries(GOAL) < 116.0
    curve.learn(150.0, 0.5, 10_000.0)
    assert curve.carries(GOAL) < 150.0


def test_a_late_share_that_falls_with_load_is_levelled() -> None:
    curve = Curve()
    for load, late in ((100.0, 0.0), (120.0, 0.3), (140.0, 0.0)):
        curve.learn(load, late, 1000.0)
    fitted = [late for _, late, _ in curve.fitted(GOAL)]
    assert fitted == sorted(fitted)
    assert curve.carries(GOAL) < 120.0


def test_windows_that_say_nothing_teach_nothing() -> None:
    capacity = Capacity(GOAL, 5.0)
    for did in (Did(0, 0, 0, 0, 3, 0, 0), Did(5, 5, 5, 5, 0, 0, 5), Did(5, 5, 5, 5, 2, 0.0, 0)):
        capacity.learn(did)
    assert capacity.carries == 5.0


def test_a_state_goes_on_where_it_was_and_a_broken_one_changes_nothing() -> None:
    capacity = Capacity(GOAL)
    run(capacity, 2400.0, 100)
    other = Capacity(GOAL)
    assert other.load(capacity.dump())
    assert other.carries == capacity.carries
    assert not other.load({"curves": {}})
    assert not other.load({})
    assert other.carries == capacity.carries


@pytest.mark.parametrize(
    "row",
    [
        [math.inf, 1, 0], [10**9, 200, 0], [-(10**9), 200, 0], [1, math.nan, 0], [1, -2.0, 0], [1, 5.0, 7.0],
        [1, 1e300, 0],
    ],
)  # fmt: skip
def test_a_curve_that_cannot_be_is_refused(row: list[float]) -> None:
    """Its place alone was enough to end all decisions, restart after restart."""
    capacity = Capacity(GOAL, 5.0)
    state = capacity.dump() | {"curves": {str(cost): [row] for cost in COSTS}}
    assert not capacity.load(state)
    assert capacity.carries == 5.0


@pytest.mark.parametrize("part", [{"mix": [math.nan, 1.0]}, {"mix": [1.0, math.inf]}, {"seen": -1.0}])
def test_numbers_that_cannot_be_are_refused(part: dict[str, object]) -> None:
    assert not Capacity(GOAL).load(Capacity(GOAL).dump() | part)

import pytest

from penstock.history.tiers import HOUR, MINUTE, MOST_POINTS, MOST_READ, STEPS, TEN, StepError, floor_of, plan

NOW = 1_800_000_000.0
KEPT = {"ten_seconds": 6 * 3600.0, "minute": 3 * 86_400.0, "hour": 400 * 86_400.0}
DAY = 86_400.0


@pytest.mark.parametrize(
    ("ago", "tier", "step"),
    [
        (600.0, TEN, 10.0), (3600.0, TEN, 10.0), (6 * 3600.0, MINUTE, 60.0), (DAY, MINUTE, 300.0),
        (7 * DAY, HOUR, 3600.0), (30 * DAY, HOUR, 7200.0), (400 * DAY, HOUR, DAY),
    ],
)  # fmt: skip
def test_the_step_that_is_chosen(ago: float, tier: object, step: float) -> None:
    if ago < 400 * DAY:
        assert plan(NOW - ago, NOW, None, KEPT, NOW) == (tier, step)
    else:
        assert plan(NOW - ago, NOW, None, KEPT, NOW).tier is tier


@pytest.mark.parametrize("hours", [0.1, 1, 2, 5, 6, 12, 24, 48, 100, 500, 2000, 9600, 80_000])
def test_points_and_what_is_read_are_bounded(hours: float) -> None:
    chosen = plan(NOW - hours * 3600, NOW, None, KEPT, NOW)
    assert hours * 3600 / chosen.step <= MOST_POINTS
    assert chosen.step % chosen.tier.span == 0
    if hours < 1500:
        assert hours * 3600 / chosen.tier.span <= MOST_READ


def test_of_long_ago_only_what_is_coarse_is_kept() -> None:
    assert plan(NOW - 10 * DAY, NOW - 10 * DAY + 600, None, KEPT, NOW) == (HOUR, 3600.0)
    assert plan(NOW - DAY, NOW - DAY + 600, None, KEPT, NOW) == (MINUTE, 60.0)
    with pytest.raises(StepError, match="a step is a multiple of one of 3600s"):
        plan(NOW - 10 * DAY, NOW, 600.0, KEPT, NOW)


def test_a_step_that_is_asked_for() -> None:
    assert plan(NOW - 3600, NOW, 20.0, KEPT, NOW) == (TEN, 20.0)
    assert plan(NOW - 3600, NOW, 120.0, KEPT, NOW) == (MINUTE, 120.0)
    assert plan(NOW - 3600, NOW, 90.0, KEPT, NOW) == (TEN, 90.0)
    for wrong in (5.0, 15.0, 0.0):
        with pytest.raises(StepError, match="a multiple of 10s"):
            plan(NOW - 3600, NOW, wrong, KEPT, NOW)
    with pytest.raises(StepError, match="at most 5000"):
        plan(NOW - 3 * DAY, NOW, 10.0, KEPT, NOW)


def test_steps_are_made_of_what_is_kept() -> None:
    assert all(step % TEN.span == 0 for step in STEPS)
    assert all(tier.block % tier.span == 0 for tier in (TEN, MINUTE, HOUR))
    assert floor_of(NOW + 121, TEN) == NOW + 120

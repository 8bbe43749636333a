from penstock.routing.health import HealthRules
from penstock.routing.outliers import slow_ones
from penstock.routing.targets import Target
from tests.support.targets import Upstream


def measured(outlier: float, *seconds: float | None, panic: float = 0.5) -> list[Target]:
    rules = HealthRules(outlier=outlier, panic=panic)
    those = [Target(f"u{number}", Upstream(""), rules=rules) for number in range(len(seconds))]
    for one, took in zip(those, seconds, strict=True):
        if took is not None:
            one.load.peak_first.learn(took, 0.0)
    return those


def slow(those: list[Target], now: float = 0.0) -> list[str]:
    return [one.name for one in slow_ones(those, now)]


def test_one_far_above_the_median_is_slow() -> None:
    assert slow(measured(3.0, 0.2, 0.25, 0.9)) == ["u2"]
    assert slow(measured(3.0, 0.2, 0.25, 0.7)) == []


def test_nobody_is_compared_unless_asked_for() -> None:
    assert slow(measured(0.0, 0.2, 0.25, 99.0)) == []
    assert slow_ones([], 0.0) == []


def test_two_cannot_tell_which_of_them_is_slow_and_who_was_not_measured_is_not() -> None:
    assert slow(measured(3.0, 0.2, 9.0)) == []
    assert slow(measured(3.0, 0.2, 9.0, None)) == []


def test_milliseconds_are_no_matter() -> None:
    assert slow(measured(3.0, 0.001, 0.001, 0.05)) == []


def test_so_many_stay_that_there_is_no_panic() -> None:
    those = measured(2.0, 0.1, 0.1, 0.1, 5.0, 9.0, panic=0.8)
    assert slow(those) == ["u4"]
    those[4].health.eject(0.0)
    assert slow(those) == []
    assert slow(measured(2.0, 0.1, 0.1, 0.1, 5.0, 9.0, panic=0.5)) == ["u4", "u3"]


def test_one_that_was_left_out_is_measured_anew() -> None:
    those = measured(2.0, 0.1, 0.1, 5.0)
    those[2].health.eject(0.0)
    those[2].settle(1000.0)
    assert those[2].load.peak_first.value is None
    assert slow(those, 1000.0) == []

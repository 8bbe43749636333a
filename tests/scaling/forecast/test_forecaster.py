import numpy as np
import pytest

from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.past import Floats
from tests.scaling.forecast.series import DAY, made

STEP = 600.0


def played(values: Floats, minutes: tuple[float, ...] = (10, 60)) -> Forecaster:
    one = Forecaster(STEP, minutes)
    for value in values:
        one.add(None if np.isnan(value) else float(value))
    return one


def errors(values: Floats, ahead: int) -> tuple[float, float]:
    """Mean errors of ours and of the last value, after three days."""
    one = Forecaster(STEP, (ahead * 10,))
    ours, last = [], []
    for at, value in enumerate(values):
        one.add(float(value))
        if 3 * DAY <= at < len(values) - ahead:
            ours.append(abs(one.forecast(ahead * STEP) - values[at + ahead]))
            last.append(abs(value - values[at + ahead]))
    return float(np.mean(ours)), float(np.mean(last))


@pytest.mark.parametrize(("kind", "most"), [("daily", 0.5), ("weekly", 0.6), ("flat", 0.8), ("walk", 1.06)])
def test_it_is_better_than_the_last_value_where_there_is_something_to_know(kind: str, most: float) -> None:
    ours, last = errors(made(kind, days=6), 6)
    assert ours < most * last


def test_a_gap_is_bridged() -> None:
    values = made("daily", days=6)
    holed = values.copy()
    holed[5 * DAY : 5 * DAY + 18] = np.nan  # three hours
    one = played(holed[: 5 * DAY + 18])
    assert abs(one.forecast(STEP) / values[5 * DAY + 18] - 1) < 0.25


def test_a_value_is_told_as_it_was_taken() -> None:
    one = played(made("daily", days=2))
    assert [one.add(value) for value in (500.0, 0.0, None)] == [500.0, None, None]


def test_an_outage_does_not_spoil_what_was_learned() -> None:
    values = made("daily", days=5)
    whole, holed = played(values), values.copy()
    holed[4 * DAY : 4 * DAY + 12] = 0.0
    assert abs(played(holed).forecast(STEP) / whole.forecast(STEP) - 1) < 0.1


def test_between_its_horizons_it_is_a_line() -> None:
    one = played(made("daily", days=2), (10, 30, 60))
    near, far = one.forecast(1800), one.forecast(3600)
    assert one.forecast(2700) == pytest.approx((near + far) / 2)
    assert one.forecast(9999) == far


def test_quantiles_surround_the_forecast() -> None:
    one = played(made("daily", days=3))
    told = [one.quantile(3600, share) for share in (0.1, 0.5, 0.9, 0.99)]
    assert told == sorted(told)
    assert told[0] < one.forecast(3600) < told[2]
    with pytest.raises(ValueError, match="quantiles"):
        one.quantile(3600, 0.7)


def test_before_the_first_value_there_is_nothing_to_say() -> None:
    one = Forecaster(STEP)
    with pytest.raises(LookupError):
        one.forecast(600)
    one.add(None)
    assert one.forecast(600) == 0.0


def test_a_horizon_below_the_step_is_left_out_and_none_is_refused() -> None:
    assert Forecaster(600.0, (1, 10)).step == 600.0
    with pytest.raises(ValueError, match="no horizon"):
        Forecaster(600.0, (1, 5))


def test_it_goes_on_from_its_state_as_if_nothing_had_been() -> None:
    values = made("weekly", days=3)
    one = played(values[:-50])
    again = Forecaster(STEP, (10, 60))
    state = one.dump()
    assert again.load(state)
    with pytest.raises(LookupError):
        again.forecast(600)  # it says nothing before the next value
    for value in values[-50:]:
        one.add(float(value))
        again.add(float(value))
    assert again.count == one.count
    assert again.forecast(600) == pytest.approx(one.forecast(600), rel=0.02), "what was not judged yet is lost"
    assert len(state) < 200_000


@pytest.mark.parametrize("state", [b"", b"PK\x03\x04 no archive", b"garbage" * 100])
def test_a_state_that_is_none_changes_nothing(state: bytes) -> None:
    one = played(made("daily", days=1))
    before = one.forecast(600)
    assert not one.load(state)
    assert one.forecast(600) == before


def test_a_state_of_other_horizons_is_refused() -> None:
    assert not Forecaster(STEP, (10, 30)).load(played(made("daily", days=1)).dump())


def test_who_counts_is_told() -> None:
    weights = played(made("daily", days=5)).weights(3600)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert next(iter(weights)) in ("profile", "ridge", "last and change of profile", "profile in ratio", "slow profile")

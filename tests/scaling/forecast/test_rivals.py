import numpy as np
import pytest

from penstock.scaling.forecast.rivals import FIT_EVERY, NEED_STATSMODELS, RIVALS, Kalman, Naive, SeasonalNaive
from tests.scaling.forecast.series import made


def test_the_last_value_and_yesterday() -> None:
    naive, seasonal = Naive(4), SeasonalNaive(4)
    for value in (1.0, 2.0, 3.0, 4.0, 5.0):
        naive.add(value)
        seasonal.add(value)
    assert [naive.forecast(steps) for steps in (1, 3)] == [5.0, 5.0]
    assert [seasonal.forecast(steps) for steps in (1, 2, 4, 5)] == [2.0, 3.0, 5.0, 2.0]
    naive.add(float("nan"))
    assert naive.forecast(1) == 5.0


def test_a_kalman_trend_follows_a_line() -> None:
    kalman = Kalman(4)
    for value in range(200):
        kalman.add(float(value))
    assert kalman.forecast(10) == pytest.approx(209, abs=1)


@pytest.mark.parametrize("name", NEED_STATSMODELS)
def test_fitted_models_learn_the_day_and_are_carried_on_between_fits(name: str) -> None:
    values = made("daily", days=2.5, seed=3)[::6]  # an hour a step
    rival = RIVALS[name](24)
    for value in values:
        rival.add(float(value))
    assert len(values) < FIT_EVERY, "it was fitted once, and carried on"
    assert 0 < rival.forecast(1) < 2 * values.max()
    again = rival.forecast(12)
    assert again == rival.forecast(12)
    rival.add(float("nan"))
    assert np.isfinite(rival.forecast(3))

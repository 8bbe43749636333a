import numpy as np

from penstock.scaling.forecast.past import Floats, Past
from penstock.scaling.forecast.ridge import LEAST, Ridge
from tests.scaling.forecast.series import made


def play(values: Floats, horizons: Floats) -> tuple[Ridge, Past, list[Floats]]:
    past, ridge, told = Past(600.0, int(horizons.max()), "real"), Ridge(horizons), []
    for value in values:
        ridge.learn(float(value))
        past.add(float(value), 0.0)
        told.append(ridge.forecast(past))
    return ridge, past, told


def test_it_is_silent_until_it_has_seen_enough() -> None:
    _, _, told = play(made("daily", days=1), np.array([1.0]))
    assert all(np.isnan(one).all() for one in told[: LEAST - 1])
    assert not np.isnan(told[LEAST - 1]).any()


def test_it_learns_what_returns_each_day_far_ahead() -> None:
    values = made("daily", days=6)
    _, _, told = play(values, np.array([1.0, 36.0]))
    asked = range(4 * 144, len(values) - 36)
    ours = sum(abs(told[at][1] - values[at + 36]) for at in asked)
    last = sum(abs(values[at] - values[at + 36]) for at in asked)
    assert ours < 0.2 * last, "six hours ahead the day has turned"


def test_it_goes_on_from_its_state() -> None:
    values = made("daily", days=2)
    ridge, past, _ = play(values, np.array([1.0, 6.0]))
    again = Ridge(np.array([1.0, 6.0]))
    again.restore(ridge.state())
    assert np.allclose(again.forecast(past), ridge.forecast(past))

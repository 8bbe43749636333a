import numpy as np
import pytest

from penstock.scaling.forecast.conformal import QUANTILES, Conformal

ROW = np.array([0])


def covered(errors: np.ndarray, forecast: float = 100.0) -> list[float]:
    one, below = Conformal(1), []
    said = np.array([forecast])
    for error in errors:
        bounds = one.bounds(said)
        value = max(0.0, forecast + error)
        below.append(value <= bounds[0])
        one.learn(ROW, said, bounds, value)
    return np.array(below)[100:].mean(axis=0).tolist()


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "growing"])
def test_as_many_values_lie_below_as_was_said(kind: str) -> None:
    dice = np.random.default_rng(7)
    errors = {
        "normal": dice.standard_normal(4000) * 10,
        "heavy": dice.standard_t(2.5, 4000) * 5,
        "skewed": dice.exponential(10, 4000) - 10,
        "growing": dice.standard_normal(4000) * np.linspace(1, 30, 4000),
    }[kind]
    for share, found in zip(QUANTILES, covered(errors), strict=True):
        assert abs(found - share) < 0.02


def test_bounds_grow_and_are_never_below_nothing() -> None:
    one = Conformal(2)
    bounds = one.bounds(np.array([0.5, 100.0]))
    assert (np.diff(bounds, axis=1) >= 0).all()
    assert (bounds >= 0).all()
    assert bounds[1, -1] > 100, "before anything is known the bounds are wide"


def test_a_level_beyond_all_that_was_seen_lies_further_out() -> None:
    one = Conformal(1)
    said = np.array([100.0])
    for error in range(40):
        one.learn(ROW, said, one.bounds(said), 100.0 + error % 5)
    before = float(one.bounds(said)[0, -1])
    for value in range(200, 1200, 100):
        one.learn(ROW, said, one.bounds(said), float(value))
    assert one.bounds(said)[0, -1] > before


def test_it_goes_on_from_its_state() -> None:
    one, again = Conformal(1), Conformal(1)
    said = np.array([100.0])
    for value in range(80, 130):
        one.learn(ROW, said, one.bounds(said), float(value))
    again.restore(one.state())
    assert np.array_equal(one.bounds(said), again.bounds(said))


def test_a_first_load_after_long_silence_does_not_make_the_bounds_endless() -> None:
    one, said = Conformal(1, pace=1 / 60), np.array([0.0])
    for value in [0.0] * 25 + [5.0, 0.0, 0.0, 5.0, 0.0]:
        one.learn(ROW, said, one.bounds(said), value)
        assert one.bounds(said).max() < 100.0

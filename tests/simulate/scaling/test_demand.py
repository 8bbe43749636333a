import numpy as np
import pytest

from penstock.simulate.scaling.demand import SHAPES, made, of_calls, of_rates, work
from penstock.simulate.traces import Row, Trace


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_series_keeps_its_values_and_lines_lead_over_its_gaps() -> None:
    made_of = of_rates("x", [100.0, 200.0, None, 0.0, 500.0], 600.0, 60.0, rng(), "smooth", noise=False)
    assert made_of.calls[[0, 5, 10, 20, 30]].tolist() == pytest.approx([100.0, 150.0, 200.0, 300.0, 400.0])
    assert made_of.load[0] == pytest.approx(100.0 * work(made_of.prompt[0], made_of.answer[0]))


def test_rough_goes_through_the_same_values_but_not_straight() -> None:
    values = [100.0, 130.0, 90.0, 120.0, 105.0, 140.0, 80.0, 100.0]
    rough = of_rates("x", values, 640.0, 20.0, rng(), noise=False).calls
    assert rough[::32].tolist() == pytest.approx(values[:-1])
    straight = of_rates("x", values, 640.0, 20.0, rng(), "smooth", noise=False).calls
    assert np.abs(rough - straight).mean() > 1.0
    assert np.abs(rough - straight).mean() < 30.0


def test_equal_seeds_give_equal_demands() -> None:
    one, other = (of_rates("x", [100.0, 130.0, 90.0], 600.0, 10.0, rng()) for _ in range(2))
    assert one.load.tolist() == other.load.tolist()


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="two values"):
        of_rates("x", [100.0, None], 600.0, 10.0, rng())


def test_recorded_calls_are_counted() -> None:
    trace = Trace("t", [Row(0.0, 100, 10), Row(0.5, 300, 20), Row(2.5, 50, 5), Row(4.0, 1, 1)])
    counted = of_calls(trace, 1.0)
    assert counted.calls.tolist() == [2.0, 0.0, 1.0, 1.0]
    assert counted.load[0] == pytest.approx(work(400, 30))
    assert counted.prompt[0] == 200.0


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_has_the_mean_that_was_asked_for(shape: str) -> None:
    one = made(shape, 500.0, 2.0, 60.0, rng())
    assert one.calls.mean() == pytest.approx(500.0, rel=0.02)
    assert one.calls.min() >= 0


def test_spikes_are_gone_after_days_without_a_number_too_large() -> None:
    assert np.isfinite(made("spike", 500.0, 14.0, 60.0, rng()).calls).all()  # a warning is an error here


def test_a_shape_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="none of daily"):
        made("square", 1.0, 1.0, 60.0, rng())

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.scaling.forecast.forecaster import Forecaster
from penstock.scaling.forecast.prediction import predict
from tests.scaling.forecast.series import made


def forecaster(values: list[float]) -> Forecaster:
    one = Forecaster(60.0)
    for value in values:
        one.add(value)
    return one


def test_an_interval_a_minute_with_its_bounds() -> None:
    told = predict(forecaster(made("flat", days=1).tolist()), 600.0, 1000.0)
    assert [one.at for one in told.intervals] == [1000.0 + 60 * minute for minute in range(1, 11)]
    assert all(one.lower < one.load < one.upper for one in told.intervals)
    assert told.confidence == pytest.approx(sum(one.confidence for one in told.intervals) / 10)


def test_the_surer_the_narrower() -> None:
    calm = predict(forecaster([100.0, 101.0] * 100), 300.0, 0.0)
    wild = predict(forecaster([20.0, 180.0, 90.0] * 70), 300.0, 0.0)
    assert 0 <= wild.confidence < calm.confidence <= 1


def test_silence_is_sure() -> None:
    assert predict(forecaster([0.0] * 60), 60.0, 0.0).confidence == 1.0


def test_too_little_is_refused() -> None:
    with pytest.raises(LookupError, match="9 values are too few"):
        predict(forecaster([1.0] * 9), 300.0, 0.0)
    with pytest.raises(ValueError, match="no interval"):
        predict(forecaster([1.0] * 20), 59.0, 0.0)


def test_capacity_is_planned_without_numpy() -> None:
    """Which the core does not bring: a gateway without extras would else not start."""
    code = "import sys; sys.modules['numpy'] = None; import penstock.scaling.control.service"
    source = Path(__file__).parents[3] / "src"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(source)})
    assert done.returncode == 0, done.stderr

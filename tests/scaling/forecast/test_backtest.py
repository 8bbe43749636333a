import itertools

import numpy as np
import pytest

from penstock.scaling.forecast.backtest import OURS, backtest
from tests.scaling.forecast.series import made


def test_errors_are_shares_of_all_load_and_gaps_are_not_judged() -> None:
    values: list[float | None] = [float(value) for value in made("daily", days=5)]
    values[600:610] = [None] * 10
    told = backtest(values, 600.0, [10, 60], ["last value"], itertools.count().__next__)
    assert (told.values, told.gaps, told.judged_from) == (720, 10, 108)
    near, far = told.horizons
    truth = np.array([np.nan if value is None else value for value in values])
    asked = np.arange(108, 714)
    last = truth.copy()
    for at in range(600, 610):
        last[at] = last[599]
    came = truth[asked + 6]
    wanted = 100 * np.nansum(np.abs(last[asked] - came)) / np.nansum(came)
    assert far.wape["last value"] == pytest.approx(wanted)
    assert far.wape[OURS] < far.wape["last value"]
    assert 0.8 < near.coverage[0.9] < 0.97
    assert told.seconds_a_step == 1.0


@pytest.mark.parametrize(("count", "minutes"), [(18, 60.0), (500, 7.0)])
def test_what_cannot_be_judged_is_said(count: int, minutes: float) -> None:
    with pytest.raises(ValueError, match=r"too few|multiple"):
        backtest([1.0] * count, 600.0, [minutes], [], lambda: 0.0)


def test_nothing_but_silence_is_no_load() -> None:
    with pytest.raises(ValueError, match="no load"):
        backtest([0.0] * 500, 600.0, [10], [], lambda: 0.0)

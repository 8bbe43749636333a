import dataclasses

from penstock.simulate.page import page
from tests.simulate.test_report import ONE


def test_a_bar_is_as_long_as_its_mean() -> None:
    two = {"a": [dataclasses.replace(ONE, goodput=1.0)], "b": [dataclasses.replace(ONE, goodput=0.5)]}
    plot = page("t", {}, two).split("<svg")[1]
    widths = [float(part.split('"')[0]) for part in plot.split('width="')[1:]]
    assert widths[0] == 2 * widths[1] > 0
    assert "100 %" in plot
    assert "50 %" in plot


def test_each_seed_is_a_dot() -> None:
    plot = page("t", {}, {"a": [ONE, ONE, ONE]}).split("<svg")[1]
    assert plot.count("<circle") == 3

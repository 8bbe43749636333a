from penstock.cli.trend_words import NAMES, change
from penstock.insight.report.trends import MEASURES


def test_each_measure_has_a_name() -> None:
    assert set(NAMES) == {measure.name for measure in MEASURES}


def test_a_change_in_words() -> None:
    assert change({"change": 0.12, "verdict": "worse"}) == "+12.0 %, worse"
    assert change({"change": -0.5, "verdict": ""}) == "-50.0 %"
    assert change({"change": None, "verdict": "worse"}) == "new, worse"

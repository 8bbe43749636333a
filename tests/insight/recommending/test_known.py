import pytest

from penstock.insight.recommending.known import Known, Settings
from penstock.insight.report.totals import Totals


def test_what_a_span_makes_in_a_day() -> None:
    totals = Totals()
    assert Known(totals, Settings()).a_day(5.0) == 0.0
    totals.seconds = 3600.0
    assert Known(totals, Settings()).a_day(5.0) == pytest.approx(120.0)

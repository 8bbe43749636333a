import pytest

from penstock.insight.recommending.known import Known, Settings, dollars, spent
from penstock.insight.report.totals import Totals


def test_what_a_span_makes_in_a_day() -> None:
    totals = Totals()
    assert Known(totals, Settings()).a_day(5.0) == 0.0
    totals.seconds = 3600.0
    assert Known(totals, Settings()).a_day(5.0) == pytest.approx(120.0)


def test_words_for_money_and_time() -> None:
    assert [dollars(value) for value in (1_234_500_000, 120_000, 900)] == ["$1,234", "$0.12", "$0.0009"]
    assert [spent(value) for value in (400_000, 9_000, 600, 5.25, 0.02)] == [
        "4.6 days", "2.5 hours", "10 minutes", "5.2 s", "20 ms",
    ]  # fmt: skip

import pytest

from penstock.core.figures import dollars, measured, moment, number, share, took


def test_seconds() -> None:
    told = [took(value) for value in (None, 0.0012, 0.085, 1.234, 12.34, 600, 10_000, 300_000, -1.5)]
    assert told == ["-", "1.2 ms", "85 ms", "1.23 s", "12.3 s", "10 min", "2.8 h", "3.5 d", "-1.50 s"]


def test_numbers() -> None:
    assert [number(value) for value in (None, 0, 3.14159, 950, 12_400, 3_100_000, 2e9)] == [
        "-", "0", "3.14", "950", "12.4k", "3.1M", "2.0G",
    ]  # fmt: skip


def test_money_and_shares() -> None:
    assert [dollars(value) for value in (None, 0, 12_300_000, 400, -2_000_000)] == [
        "-", "$0.00", "$12.30", "$0.0004", "-$2.00",
    ]  # fmt: skip
    assert [share(value) for value in (None, 0.0, 0.1234, 0.0002)] == ["-", "0.0 %", "12.3 %", "0.020 %"]


UNITS = [("seconds", "500 ms"), ("share", "50.0 %"), ("micro-dollars a call", "<$0.000001"), ("a second", "0.50")]


@pytest.mark.parametrize(("unit", "told"), UNITS)
def test_a_value_in_its_unit(unit: str, told: str) -> None:
    assert measured(0.5, unit) == told


def test_a_moment() -> None:
    assert moment(1_795_704_070.0) == "2026-11-26 14:41"

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.units import (
    format_duration,
    format_money,
    format_size,
    parse_duration,
    parse_money,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("250ms", 0.25),
        ("30s", 30.0),
        ("1.5s", 1.5),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("20us", 0.00002),
        (" 1h ", 3600.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "-5s", "5S", "1e3s", "inf", "5s5", "٣s", "9" * 80 + "s", "1h, 2m"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="number with a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.25, "250ms"), (15.0, "15s"), (90.0, "90s"), (300.0, "5m"), (3600.0, "1h"), (0.0005, "0.0005s")],
)
def test_durations_are_written_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(
    st.floats(min_value=0, max_value=1e9, allow_nan=False, allow_subnormal=False).filter(lambda x: not 0 < x < 1e-12)
)
def test_a_written_duration_reads_the_same(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("512B", 512),
        ("64KiB", 65536),
        ("64 kib", 65536),
        ("10MB", 10_000_000),
        ("1.5MiB", 1_572_864),
        ("2TiB", 2 * 2**40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "-1KiB", "1K", "1 Ki B", "0.3B", "1e3", "1_000", "x" * 100])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=2**60))
def test_a_written_size_reads_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "micro_dollars"),
    [("0.25", 250_000), ("$12", 12_000_000), ("0", 0), ("0.000001", 1), ("3.10", 3_100_000)],
)
def test_money(text: str, micro_dollars: int) -> None:
    assert parse_money(text) == micro_dollars


@pytest.mark.parametrize("text", ["", "$", "-1", "1,5", "1e3", "0.0000001", "1 EUR", "NaN"])
def test_what_is_no_money(text: str) -> None:
    with pytest.raises(ValueError, match="money"):
        parse_money(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_written_money_reads_the_same(micro_dollars: int) -> None:
    assert parse_money(format_money(micro_dollars)) == micro_dollars


def test_money_has_two_decimals_at_least() -> None:
    assert format_money(12_500_000) == "12.50"
    assert format_money(1) == "0.000001"


@given(st.text(max_size=80))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_money):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value >= 0
        assert math.isfinite(value)

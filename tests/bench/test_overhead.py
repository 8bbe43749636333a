"""The table of bench.overhead, from samples."""

from __future__ import annotations

import math

import pytest

from bench.load import Load
from bench.overhead import DIRECT, Sample, added_us, rows


def sample(proxy: str, turn: int, cpu_us: float, single_p50_us: float, errors: int = 0) -> Sample:
    busy = Load(1000, 1.0, 2000, 3000, 4000, 5000, errors)
    return Sample("small", proxy, turn, cpu_us, busy, Load(10, 1.0, single_p50_us, 0, 0, 0, 0))


SAMPLES = [
    sample(DIRECT, 0, math.nan, 20),
    sample("nginx", 0, 10, 40),
    sample("penstock", 0, 30, 50, errors=2),
    sample(DIRECT, 1, math.nan, 30),
    sample("nginx", 1, 12, 50),
    sample("penstock", 1, 25, 60),
]


def test_added_latency_is_over_going_direct_in_the_same_round() -> None:
    assert added_us(SAMPLES, "nginx") == 20
    assert added_us(SAMPLES, "penstock") == 30


def test_rows_are_medians_cheapest_first_with_ratios_to_nginx() -> None:
    first, second = rows(SAMPLES)
    assert (first["proxy"], first["CPU µs/request"], first["× nginx"]) == ("nginx", "11.0", "1.00")
    assert (second["proxy"], second["CPU µs/request"], second["× nginx"]) == ("penstock", "27.5", "2.50")
    assert (second["low–high"], second["added × nginx"], second["errors"]) == ("25.0–30.0", "1.50", "2")


@pytest.mark.parametrize("missing", ["nginx", DIRECT])
def test_what_cannot_be_compared_is_a_dash(missing: str) -> None:
    found = rows([one for one in SAMPLES if one.proxy != missing])
    assert found[-1]["added × nginx"] == "–"

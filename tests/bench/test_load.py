"""The line that wrk's script prints, read back."""

from __future__ import annotations

import pytest

from bench.load import Load, parse_summary

LINE = 'BENCH {"requests":500,"microseconds":2000000,"p50_us":11,"p90_us":22,"p99_us":33,"max_us":44,"errors":5}'


def test_summary_is_found_among_what_wrk_says() -> None:
    load = parse_summary(f"Running 1s test\n  64 connections\n\n{LINE}\n")
    assert load == Load(requests=500, seconds=2.0, p50_us=11, p90_us=22, p99_us=33, max_us=44, errors=5)
    assert load.per_second == 250.0


def test_without_a_summary_wrks_words_are_told() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        parse_summary("unable to connect to 127.0.0.1:1 Connection refused\n")

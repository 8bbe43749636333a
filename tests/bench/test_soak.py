"""The soak in short: it passes as the gateway is, and sees what it is there to see."""

from __future__ import annotations

import dataclasses

import pytest

from bench.soak import Held, Options, Soak, broken, grown, measure, report, risen
from bench.stream_load import Result

HELD = Held("start", 100 << 20, 40, 6, 1, 0, 0, 0)


@pytest.mark.slow
def test_hundreds_of_streams_over_two_workers_leave_nothing_behind() -> None:
    few = Options(streams=300, minutes=0.05, interval=0.05, stream_seconds=1.0, leaving=0.05)
    soak = measure(dataclasses.replace(few, warm_minutes=0.0, growth_bytes=32 << 20))  # it has not settled so soon
    assert soak.problems == []
    result = soak.result
    assert result.finished + result.left == result.opened > 600
    assert result.left > 10
    assert [held.moment for held in soak.held] == ["never loaded", "start", "loaded", "still loaded", "after"]
    loaded = soak.held[2]
    assert 20 < loaded.in_flight < 310  # a busy machine opens the next ones late
    assert loaded.upstream_connections == pytest.approx(loaded.in_flight, abs=100)  # looked at one after the other
    assert "whole" in report(soak)


def test_what_is_not_back_is_named() -> None:
    assert risen(HELD, HELD) == []
    later = dataclasses.replace(HELD, descriptors=41, tasks=5, in_flight=2)
    assert risen(HELD, later) == ["descriptors rose from 40 to 41", "in_flight rose from 0 to 2"]


def test_memory_may_grow_a_little() -> None:
    assert grown(HELD, dataclasses.replace(HELD, memory=107 << 20)) == []
    assert grown(HELD, dataclasses.replace(HELD, memory=110 << 20)) == [
        "memory grew by 10.0 MiB from 'start' to 'start'"
    ]
    large = dataclasses.replace(HELD, memory=1000 << 20)
    assert grown(large, dataclasses.replace(HELD, memory=1049 << 20)) == []


def test_a_stream_that_is_not_whole_is_named() -> None:
    assert broken(Result(opened=2, finished=2)) == []
    result = Result(unfinished=1, lost=2, errors=["closed after 3 events"])
    assert broken(result) == ["1 unfinished", "2 lost", "1 errors, the first: closed after 3 events"]
    assert "1 unfinished" in report(Soak(Options(), result, [HELD], broken(result)))

import logging

import pytest

from penstock.core.clock import FakeClock
from penstock.store.counts import Counts
from penstock.store.trouble import TELL_SECONDS, Trouble


def test_it_is_said_once_a_minute_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, counts = FakeClock(), Counts()
    trouble = Trouble("x", counts, clock.now)
    trouble.over(written=True)
    assert caplog.records == []
    for _ in range(1000):
        counts.note("put", "lost")
        trouble.met(OSError("disk full"))
    assert trouble.text == "disk full"
    assert [record.getMessage() for record in caplog.records] == ["the store x: disk full; 1 writes were lost so far"]
    clock.advance(TELL_SECONDS)
    trouble.met("")
    assert len(caplog.records) == 2
    trouble.over(written=True)
    trouble.over(written=True)
    assert trouble.text == ""
    assert caplog.records[-1].getMessage() == "the store x is well again; 1000 writes were lost so far"
    assert len(caplog.records) == 3


def test_trouble_that_comes_and_goes_is_not_said_each_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    trouble = Trouble("x", Counts(), clock.now)
    for _ in range(100):
        trouble.met("flaps")
        trouble.over(written=True)
        clock.advance(0.1)
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert len(caplog.records) <= 3


def test_what_was_refused_is_over_with_the_next_write_alone() -> None:
    trouble = Trouble("x", Counts(), FakeClock().now)
    trouble.met("memory is full", refused=True)
    trouble.over(written=False)
    assert trouble.text == "memory is full"
    trouble.over(written=True)
    assert trouble.text == ""
    trouble.met("away")
    trouble.over(written=False)
    assert trouble.text == ""


def test_the_store_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("redis at h:1", Counts(), FakeClock().now)
    trouble.met(OSError("redis at h:1: it does not answer"))
    assert trouble.text == "it does not answer"
    assert caplog.records[-1].getMessage().startswith("the store redis at h:1: it does not answer; 0 writes")

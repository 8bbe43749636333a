import time

import pytest

from penstock.core.clock import Clock, FakeClock, RealClock


def test_the_real_clock_reads_the_machine() -> None:
    clock: Clock = RealClock()
    before = time.monotonic()
    assert before <= clock.now() <= time.monotonic()
    assert abs(clock.wall() - time.time()) < 5


def test_the_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock(now=5.0, wall=1000.0)
    readings = [clock.now(), clock.wall()]
    assert [clock.now(), clock.wall()] == readings == [5.0, 1000.0]
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (7.5, 1002.5)


def test_it_does_not_go_back() -> None:
    clock = FakeClock()
    with pytest.raises(ValueError):
        clock.advance(-1)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.windows import SPAN, Window
from penstock.history.rollup import Ladder, Rollup, floor, rolled
from tests.support.windows import finished, window_of

START = 1_800_000_000.0


def window(span: int, calls: int = 1, **gauges: float) -> Window:
    return window_of(START + SPAN * span, *[finished()] * calls, gauges=gauges)


def test_sums_stay_sums_and_gauges_become_means_and_peaks() -> None:
    (minute,) = rolled([window(0, 2, in_flight=1, disk_free=0.5), window(1, 3, in_flight=3, disk_free=0.3)], 60.0)
    assert (minute.start, minute.seconds, minute.calls, minute.covered, minute.known) == (START, 60.0, 5, 20.0, 20.0)
    assert minute.gauges == {"in_flight": 2.0, "disk_free": pytest.approx(0.4)}
    assert minute.peaks == {"in_flight": 3, "disk_free": 0.3}


def test_a_gauge_that_was_not_always_read() -> None:
    (minute,) = rolled([window(0), window(1, cpu=0.5), window(2, cpu=0.7)], 60.0)
    assert minute.gauges == {"cpu": pytest.approx(0.6)}


def test_means_of_minutes_weigh_what_they_knew() -> None:
    short = Window(START, 60.0, gauges={"cpu": 1.0}, peaks={"cpu": 1.0}, covered=20.0)
    full = Window(START + 60, 60.0, gauges={"cpu": 0.2}, peaks={"cpu": 0.9}, covered=60.0)
    (hour,) = rolled([short, full], 3600.0)
    assert hour.gauges["cpu"] == pytest.approx((1.0 * 20 + 0.2 * 60) / 80)
    assert (hour.peaks, hour.covered) == ({"cpu": 1.0}, 80.0)


def test_gaps_stay_gaps() -> None:
    minutes = rolled([window(0), window(30), window(31)], 60.0)
    assert [(minute.start - START, minute.calls) for minute in minutes] == [(0, 1), (300, 2)]


def test_the_start_of_a_span() -> None:
    assert floor(START + 59.9, 60) == START
    assert floor(START + 60, 60) == START + 60
    assert repr(Rollup(START, 60.0)) == "<Rollup 1800000000 to 1800000060, 0 s of it>"


def test_a_minute_ends_with_its_last_window() -> None:
    ladder = Ladder(60.0, 3600.0)
    for span in range(5):
        assert ladder.add(window(span)) == []
    (minute,) = ladder.add(window(5))
    assert (minute.start, minute.calls, minute.covered) == (START, 6, 60.0)
    (hour,) = ladder.unfinished
    assert (hour.start, hour.calls) == (floor(START, 3600), 6)


def test_a_minute_whose_end_was_missed_ends_with_the_next() -> None:
    ladder = Ladder(60.0, 3600.0)
    ladder.add(window(0, 2))
    (minute,) = ladder.add(window(12, 3))
    assert (minute.start, minute.calls, minute.covered) == (START, 2, 10.0)
    assert [unfinished.calls for unfinished in ladder.unfinished] == [3, 2]


def test_an_hour_ends_with_its_last_minute() -> None:
    ladder = Ladder(60.0, 3600.0)
    ended = [ended for span in range(360 * 2) for ended in ladder.add(window(span))]
    hours = [one for one in ended if one.seconds == 3600]
    assert [(hour.start, hour.calls) for hour in hours] == [(START, 360), (START + 3600, 360)]
    assert len(ended) == 122
    assert ladder.unfinished == []


@given(st.lists(st.integers(0, 800), max_size=40, unique=True))
def test_no_call_is_lost_or_counted_twice_on_the_ladder(spans: list[int]) -> None:
    ladder = Ladder(60.0, 3600.0)
    ended = [ended for span in sorted(spans) for ended in ladder.add(window(span))]
    hours = sum(one.calls for one in ended if one.seconds == 3600)
    assert hours + sum(one.calls for one in ladder.unfinished) == len(spans)
    minutes = [one.start for one in ended if one.seconds == 60]
    assert minutes == sorted(set(minutes))

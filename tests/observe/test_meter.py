import pytest

from penstock.observe.meter import Meter, median


def test_of_what_is_sampled_the_worst_since_the_last_reading_counts() -> None:
    meter = Meter()
    for value in (0.1, 0.3, 0.2):
        meter.note("loop_lag", value)
    assert meter.read() == {"loop_lag": 0.3}
    assert meter.read() == {}


def test_a_level_holds_until_another_is_told_or_none_can_be() -> None:
    meter = Meter()
    meter.hold("disk_free", 0.5)
    assert (meter.read(), meter.read()) == ({"disk_free": 0.5}, {"disk_free": 0.5})
    meter.hold("disk_free", None)
    assert meter.read() == {}


def test_a_rate_is_what_grew_over_what_went_on() -> None:
    meter = Meter()
    meter.rate("cpu", 10.0, 100.0)
    assert meter.read() == {}, "of the first telling nothing follows"
    meter.rate("cpu", 15.0, 110.0)
    assert meter.read() == {"cpu": pytest.approx(0.5)}
    meter.rate("cpu", 15.0, 110.0)
    assert meter.read() == {}, "nothing went on"
    meter.rate("cpu", 1.0, 3.0)
    assert meter.read() == {}, "it began anew"
    meter.rate("cpu", 2.0, 5.0)
    assert meter.read() == {"cpu": pytest.approx(0.5)}


def test_growth_since_the_last_telling() -> None:
    meter = Meter()
    grown = []
    for total in (5.0, 7.0, 7.0, 1.0):
        meter.grown("events_dropped", total)
        grown.append(meter.read()["events_dropped"])
    assert grown == [5.0, 2.0, 0.0, 0.0]


def test_a_median_is_a_value_that_was_seen() -> None:
    assert median([]) is None
    assert median([3.0, 1.0, 2.0]) == 2.0

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.schedule import DAYS, Schedule, clock_of, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(*when: int) -> float:
    return datetime(*when, tzinfo=BERLIN).timestamp()  # type: ignore[misc,arg-type]


def test_it_is_now_within_its_hours_of_its_days() -> None:
    work = Schedule(DAYS[:5], "08:00", "18:30", "Europe/Berlin")
    friday = (2026, 11, 27)
    assert work.is_now(at(*friday, 8, 0))
    assert work.is_now(at(*friday, 18, 29))
    assert not work.is_now(at(*friday, 18, 30))
    assert not work.is_now(at(*friday, 7, 59))
    assert not work.is_now(at(2026, 11, 28, 12, 0))


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = Schedule(("fri",), "22:00", "06:00", "Europe/Berlin")
    assert friday_night.is_now(at(2026, 11, 27, 23, 0))
    assert friday_night.is_now(at(2026, 11, 28, 5, 59))
    assert not friday_night.is_now(at(2026, 11, 28, 6, 0))
    assert not friday_night.is_now(at(2026, 11, 28, 23, 0))
    assert not friday_night.is_now(at(2026, 11, 27, 3, 0))


def test_a_whole_day_has_no_hole_at_midnight() -> None:
    saturday = Schedule(("sat",), "00:00", "24:00", "Europe/Berlin")
    assert saturday.is_now(at(2026, 11, 28, 0, 0))
    assert saturday.is_now(at(2026, 11, 28, 23, 59))
    assert not saturday.is_now(at(2026, 11, 29, 0, 0))
    around = Schedule(("sat",), "09:00", "09:00", "Europe/Berlin")
    assert around.is_now(at(2026, 11, 29, 8, 59))
    assert not around.is_now(at(2026, 11, 29, 9, 0))


def test_summer_time_is_the_zones_own() -> None:
    early = Schedule(DAYS, "08:00", "09:00", "Europe/Berlin")
    assert early.is_now(at(2026, 7, 1, 8, 30))
    assert not Schedule(DAYS, "08:00", "09:00", "UTC").is_now(at(2026, 7, 1, 8, 30))


def test_a_zone_that_is_none_is_refused() -> None:
    for name in ("Europe/Nowhere", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone_of(name)
    assert clock_of("07:30") == 450


def test_its_edges_are_when_it_begins_and_ends_in_the_week_ahead() -> None:
    friday = (2026, 11, 27)
    work = Schedule(("fri",), "08:00", "18:30", "Europe/Berlin")
    assert sorted(work.edges(at(*friday, 7, 0))) == [
        at(*friday, 8, 0), at(*friday, 18, 30), at(2026, 12, 4, 8, 0), at(2026, 12, 4, 18, 30)
    ]  # fmt: skip
    assert min(work.edges(at(*friday, 8, 0))) == at(*friday, 18, 30)
    night = Schedule(("fri",), "22:00", "06:00", "Europe/Berlin")
    assert min(night.edges(at(2026, 11, 28, 3, 0))) == at(2026, 11, 28, 6, 0), "of the day before"
    assert min(Schedule(DAYS, "12:00", "24:00", "Europe/Berlin").edges(at(*friday, 13, 0))) == at(2026, 11, 28, 0, 0)


def test_an_edge_over_a_change_of_the_clock_is_by_the_wall() -> None:
    sunday = Schedule(("sun",), "08:00", "09:00", "Europe/Berlin")
    before = at(2026, 10, 24, 20, 0)
    assert min(sunday.edges(before)) == at(2026, 10, 25, 8, 0) == before + 13 * 3600


@given(
    st.lists(st.sampled_from(DAYS), min_size=1), st.integers(0, 95), st.integers(0, 96), st.integers(0, 7 * 96)
)  # fmt: skip
def test_it_changes_at_its_edges_and_nowhere_else(days: list[str], begin: int, end: int, now: int) -> None:
    quarter = 900.0
    one = Schedule(days, *(f"{minutes // 4:02}:{minutes % 4 * 15:02}" for minutes in (begin, end)), "UTC")
    after = 1_800_000_000.0 // 86_400 * 86_400 + now * quarter
    edges = set(one.edges(after))
    for step in range(7 * 96):
        before, moment = after + step * quarter, after + (step + 1) * quarter
        assert one.is_now(before) == one.is_now(moment) or moment in edges

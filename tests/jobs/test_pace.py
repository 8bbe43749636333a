from hypothesis import given
from hypothesis import strategies as st

from penstock.core.overload import Overload
from penstock.jobs.pace import FIRST, LONGEST_PAUSE, SHORTEST_PAUSE, Pace


def test_it_grows_while_all_is_well_and_is_halved_when_an_upstream_is_full() -> None:
    pace, idle = Pace(64, 0.8), Overload(1000)
    assert pace.room(0, 0, idle, 0.0) == FIRST
    for _ in range(100):
        pace.well()
    assert pace.room(10, 10, idle, 0.0) == 54
    pace.full(1.0, None)
    assert pace.room(0, 0, idle, 1.0) == 0
    assert pace.paused == "refused"
    assert pace.room(0, 0, idle, 1.0 + SHORTEST_PAUSE) == 32
    pace.well()
    assert 32.0 < pace.limit < 32.1


def test_refusals_of_one_moment_count_once() -> None:
    pace = Pace(64, 0.8)
    for _ in range(100):
        pace.well()
    for _ in range(30):
        pace.full(5.0, None)
    assert (pace.limit, pace.cuts) == (32.0, 1)
    pace.full(6.5, 2.0)
    assert (pace.limit, pace.cuts) == (16.0, 2)
    assert pace.room(0, 0, Overload(1000), 8.4) == 0
    assert pace.room(0, 0, Overload(1000), 8.6) == 16


def test_it_leaves_room_for_other_calls() -> None:
    pace, load = Pace(64, 0.8), Overload(10)
    for _ in range(100):
        pace.well()
    load.in_flight, load.waiting = 6, 1
    assert pace.room(3, 3, load, 0.0) == 1  # four of the seven are not ours: eight may be there
    load.in_flight = 12
    assert pace.room(3, 3, load, 0.0) == 0
    assert pace.paused == "load"


def test_pauses_grow_and_end() -> None:
    pace, now = Pace(8, 0.8), 0.0
    for _ in range(40):
        pace.full(now, None)
        now += 100.0
    assert pace.limit == 1.0
    pace.full(now, 10_000.0)
    assert pace.room(0, 0, Overload(10), now + LONGEST_PAUSE + 0.1) == 1


@given(
    st.lists(st.sampled_from(["well", "full"]), max_size=60), st.integers(1, 100), st.integers(0, 200),
    st.integers(0, 200),
)  # fmt: skip
def test_never_more_than_may_be(acts: list[str], most: int, in_flight: int, others: int) -> None:
    pace, load = Pace(most, 0.5), Overload(100)
    load.in_flight = others
    for now, act in enumerate(acts):
        pace.well() if act == "well" else pace.full(float(now), 0.1)
    room = pace.room(in_flight, 0, load, 1e6)
    assert room == 0 or in_flight + room <= min(most, 50 - others)

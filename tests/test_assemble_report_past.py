import asyncio

from penstock.assemble_report_past import past
from tests.support.histories import Kept
from tests.support.spans import call, window

UNTIL = 1_795_700_000.0  # 13:33:20


def test_what_has_not_ended_is_taken_from_finer_windows_and_each_once() -> None:
    history = Kept(*(window(UNTIL - 10.0 * number, [call()]) for number in range(1, 800)))
    found = asyncio.run(past(history, UNTIL - 8000.0, UNTIL, 4000.0))
    assert sorted(one.start for one in found) == [UNTIL - 10.0 * number for number in range(799, 0, -1)]
    assert [step for _, _, step in history.asked] == [3600.0, 60.0, 10.0]
    assert [ends - begins for begins, ends, _ in history.asked[1:]] == [1980.0, 20.0]


def test_of_a_short_time_tens_are_enough() -> None:
    history = Kept()
    asyncio.run(past(history, UNTIL - 600.0, UNTIL, 25.0))
    assert history.asked == [(UNTIL - 600.0, UNTIL, 20.0)]


def test_a_step_is_of_whole_windows_of_what_is_read() -> None:
    history = Kept()
    asyncio.run(past(history, UNTIL - 7800.0, UNTIL, 162.5))
    assert history.asked == [(UNTIL - 7800.0, UNTIL - 20.0, 120.0), (UNTIL - 20.0, UNTIL, 10.0)]


def test_where_no_finer_ones_are_kept_coarser_ones_are_taken() -> None:
    history = Kept(least=60.0)
    asyncio.run(past(history, UNTIL - 7800.0, UNTIL - 20.0, 10.0))
    assert [step for _, _, step in history.asked] == [10.0, 60.0]


def test_where_nothing_is_kept_of_that_time_nothing_is_found() -> None:
    assert asyncio.run(past(Kept(least=1e9), UNTIL - 7800.0, UNTIL - UNTIL % 3600.0, 10.0)) == []

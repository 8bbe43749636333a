from hypothesis import given
from hypothesis import strategies as st

from penstock.core.windows import SPAN, Window
from penstock.history.gathering import Gathering
from tests.support.windows import finished, window_of

START = 1_800_000_000.0


def window(span: int, worker: int = 0, calls: int = 1, **gauges: float) -> Window:
    return window_of(START + SPAN * span, *[finished()] * calls, worker=worker, gauges=gauges)


def told(windows: list[Window]) -> list[tuple[float, int]]:
    return [((window.start - START) / SPAN, window.calls) for window in windows]


def test_workers_of_a_span_are_told_together() -> None:
    gathering = Gathering(START - SPAN)
    assert told(gathering.take([window(0, 0), window(0, 1, 2), window(0, 2, 3)])) == [(0, 6)]
    assert gathering.take([]) == []


def test_spans_are_told_in_order() -> None:
    gathering = Gathering(START - SPAN)
    assert told(gathering.take([window(2), window(0), window(1)])) == [(0, 1), (1, 1), (2, 1)]


def test_a_window_that_comes_twice_counts_once() -> None:
    gathering = Gathering(START - SPAN)
    assert told(gathering.take([window(0, 0), window(0, 0), window(0, 1)])) == [(0, 2)]
    assert told(gathering.take([window(0, 0), window(1, 0), window(1, 0)])) == [(1, 1)]


def test_a_late_worker_counts_in_the_next_span() -> None:
    gathering = Gathering(START - SPAN)
    assert told(gathering.take([window(0, 0), window(0, 1)])) == [(0, 2)]
    assert told(gathering.take([window(1, 0)])) == [(1, 1)]
    assert gathering.after == START, "the late one is asked for what it had"
    (late,) = gathering.take([window(1, 1, 5, cpu=0.9), window(2, 0, cpu=0.1), window(2, 1, cpu=0.2)])
    assert told([late]) == [(2, 7)]
    assert late.gauges == {"cpu": 0.2}, "of now"
    assert gathering.after == START + 2 * SPAN


def test_late_windows_wait_for_a_span_to_be_part_of() -> None:
    gathering = Gathering(START - SPAN)
    gathering.take([window(1, 0)])
    assert gathering.take([window(0, 1, 4)]) == []
    assert told(gathering.take([window(2, 0)])) == [(2, 5)]


def test_a_worker_that_is_gone_is_not_waited_for() -> None:
    gathering = Gathering(START - SPAN)
    gathering.take([window(0, 0), window(0, 1)])
    for span in range(1, 9):
        gathering.take([window(span, 0)])
    assert gathering.after == START + 8 * SPAN


def test_what_was_told_before_a_restart_does_not_count() -> None:
    gathering = Gathering(START + SPAN)
    gathering.resume(START)
    assert gathering.after == START
    assert told(gathering.take([window(0, 1, 7), window(1, 1, 2), window(2, 0)])) == [(1, 2), (2, 1)]
    gathering.resume(START)
    assert gathering.after == START + SPAN, "it has begun: worker 1 may have more"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), st.integers(1, 7))
def test_every_call_counts_once_and_every_span_is_told_once(sent: list[tuple[int, int]], together: int) -> None:
    """Windows of a worker come in order, as it sends all that it has; those of different workers in any."""
    gathering = Gathering(START - SPAN)
    given_spans: list[Window] = []
    counted: set[tuple[int, int]] = set()
    newest: dict[int, int] = {}
    for begin in range(0, len(sent), together):
        batch = sorted(sent[begin : begin + together])
        counted |= {(span, worker) for span, worker in batch if span > newest.get(worker, -1)}
        for span, worker in batch:
            newest[worker] = max(span, newest.get(worker, -1))
        given_spans += gathering.take([window(span, worker) for span, worker in batch])
    given_spans += gathering.take([window(9, 0)])
    starts = [window.start for window in given_spans]
    assert starts == sorted(set(starts))
    assert sum(window.calls for window in given_spans) == len(counted) + 1

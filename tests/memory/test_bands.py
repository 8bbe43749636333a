from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.priority import NORMAL
from penstock.memory.bands import BANDS, FULL, LEVELS, NOBODY, SLACK, level_of, measures_of, next_band

shares = st.floats(0, 2)


@given(share=shares, before=st.integers(0, 5))
def test_a_level_rises_at_once_and_falls_late(share: float, before: int) -> None:
    level = level_of(share, before)
    bare = level_of(share, 0)
    assert level >= bare
    if bare >= before:
        assert level == bare
    if level > bare:
        assert level <= before
        assert share + SLACK >= BANDS[level - 1]


@given(share=st.floats(0, 1.2), jitter=st.lists(st.floats(-0.014, 0.014), max_size=30))
def test_a_share_that_trembles_does_not_move_the_level_to_and_fro(share: float, jitter: list[float]) -> None:
    level, moves = level_of(share, 0), 0
    for change in jitter:
        after = level_of(share + change, level)
        moves += after != level
        level = after
    assert moves <= 1


def test_each_level_asks_for_more_than_the_one_below() -> None:
    for low, high in pairwise((*LEVELS, NOBODY)):
        assert high.caches <= low.caches
        assert high.buffers <= low.buffers
        assert high.resume <= low.resume
        assert high.collect >= low.collect
        assert high.floor <= low.floor
    assert len(LEVELS) == len(BANDS) + 1


def test_nobody_is_served_only_where_that_would_help() -> None:
    assert measures_of(5, FULL, 0.5) is NOBODY
    assert measures_of(5, FULL, 0.1) is LEVELS[5]
    assert measures_of(5, 0.95, 0.9) is LEVELS[5]


@given(share=shares)
def test_there_is_always_a_next_look(share: float) -> None:
    assert next_band(share) > share


@given(share=shares, level=st.integers(0, 5), explained=st.floats(0, 0.0999))
def test_ordinary_calls_are_admitted_where_calls_are_not_what_fills_memory(
    share: float, level: int, explained: float
) -> None:
    measures = measures_of(level, share, explained)
    assert measures.floor == max(LEVELS[level].floor, NORMAL)
    assert replace(measures, floor=LEVELS[level].floor) == LEVELS[level]

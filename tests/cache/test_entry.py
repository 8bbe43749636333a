"""Entries and answers come back from their bytes; what is no such bytes is refused."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.entry import Answer, answer_of, entry_bytes, entry_of, mark
from tests.support.caching import entry


def test_an_entry_comes_back_as_it_was() -> None:
    one = entry(tags=("a", "b"), cost=12, seconds=1.5, accesses=3, confidence=0.5, confirmed=False, partition=b"p")
    assert entry_of(entry_bytes(one)) == one
    told = one.told()
    assert told["id"] == one.name
    assert told["tags"] == ["a", "b"]
    msgspec.json.encode(told)  # plain values only
    assert entry().confidence == 1.0  # a model's own answer, asked for or warmed


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20))
def test_frames_come_back_with_their_gaps(frames: list[bytes]) -> None:
    marks = b"".join(mark(len(frame), 0.002 * number) for number, frame in enumerate(frames))
    one = answer_of(entry_bytes(Answer(b"t", b"".join(frames), marks)))
    assert one.streamed
    assert one.frames() == [(frame, 2 * number) for number, frame in enumerate(frames)]


def test_frames_that_do_not_fit_are_refused() -> None:
    for marks in (mark(3, 0), mark(9, 0), mark(3, 0)[:5]):
        with pytest.raises(ValueError):
            Answer(b"t", b"four", marks).frames()


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_other_bytes_are_neither(data: bytes) -> None:
    for read in (entry_of, answer_of):
        with contextlib.suppress(ValueError):
            read(data)


def test_a_gap_of_any_length_fits() -> None:
    assert len(mark(1, 1e12)) == 8


def test_worth_is_what_a_byte_saves() -> None:
    assert entry(cost=1000).worth > entry(cost=10).worth > entry(cost=10, size=10_000).worth
    assert entry(tokens_out=100).worth > entry(tokens_out=1).worth > 0

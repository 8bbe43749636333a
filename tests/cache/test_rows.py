"""Rows come back as they were; other bytes are none."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cache.rows import Flushed, Gone, Stored, Used, row_bytes, row_of
from tests.support.caching import entry

ROWS = (
    Stored("w", entry(tags=("a",))),
    Gone("w", [b"a", b"b"], "full"),
    Flushed("w", {"model": "m"}, 1.5),
    Used("w", [(b"a", 3, 2.5)]),
)


def test_each_comes_back() -> None:
    for row in ROWS:
        assert row_of(row_bytes(row)) == row


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        row_of(data)

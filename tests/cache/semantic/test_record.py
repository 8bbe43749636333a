"""Questions as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.semantic.record import Kept, kept_bytes, kept_of


@given(st.text(), st.binary(min_size=16, max_size=16), st.text(), st.binary(max_size=400))
def test_there_and_back(version: str, partition: bytes, text: str, vector: bytes) -> None:
    kept = Kept(version, partition, text, vector)
    assert kept_of(kept_bytes(kept)) == kept


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xc1", kept_bytes(["v", b"p", 7, b""])])
def test_damage_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        kept_of(data)

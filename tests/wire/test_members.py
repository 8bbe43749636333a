"""Members are what a decoder makes of them, and are decoded when they are asked for."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.wire.members import Members

VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.lists(st.integers(), max_size=3)


def of(fields: dict[str, Any]) -> Members:
    return Members(msgspec.json.decode(json.dumps(fields).encode(), type=dict[str, msgspec.Raw]))


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES))
def test_they_are_what_was_written(fields: dict[str, Any]) -> None:
    members = of(fields)
    assert dict(members) == {**members} == fields
    assert len(members) == len(fields)
    for name, value in fields.items():
        assert name in members
        assert members.get(name) == value
    assert members.get("not there", 7) == 7 or "not there" in fields


def test_one_is_decoded_once_and_alone() -> None:
    members = of({"a": [1], "b": {"c": 2}})
    assert members["a"] is members["a"]
    assert "b" not in members._decoded
    with pytest.raises(KeyError):
        members["d"]
    assert repr(members) == "<Members a, b>"

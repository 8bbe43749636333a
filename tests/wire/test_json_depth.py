import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.json_depth import brackets, deeper_than

leaves = st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\,: aé', max_size=40)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


def depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(values, st.integers(0, 8), st.booleans(), st.sampled_from([0, 5000]))
def test_agrees_with_a_plain_count(value, bound, spaced, padding):
    value = [value, "[" * padding]
    body = json.dumps(value, separators=(", ", ": ") if spaced else (",", ":")).encode()
    assert deeper_than(body, bound) == (depth(value) > bound)


@given(st.binary())
def test_brackets_are_counted(body):
    assert brackets(body) == body.count(b"{") + body.count(b"[")

import json
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.wire.json_scan import HUGE_BYTES, MOST_MEMBERS, STEERING, members, put_first, splice, value_of, values_of

texts = st.text(alphabet='model"\\{}[],: \n/é\u2028😀', max_size=8)
keys = st.sampled_from(["model", "stream", "messages", "model:", 'mo"del', "é"]) | texts
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3), max_leaves=8)
spaces = st.text(alphabet=" \t\r\n", max_size=2)
padding = st.sampled_from(["", "p" * 5000])


@st.composite
def bodies(draw) -> bytes:
    """Objects as anybody might write them: spaces anywhere, keys repeated, escaped or not, small or large."""
    members = []
    for _ in range(draw(st.integers(0, 5))):
        key = json.dumps(draw(keys), ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            key = key.replace("m", "\\u006d").replace("o", "\\u006F")
        value = json.dumps(draw(values), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        members.append(f"{draw(spaces)}{key}{draw(spaces)}:{draw(spaces)}{value}{draw(spaces)}")
    if draw(st.booleans()):
        members.append(f'"pad":"{draw(padding)}"')
    inside = ",".join(members) or draw(spaces)
    return f"{draw(spaces)}{{{inside}}}{draw(spaces)}".encode()


def pairs(body: bytes) -> list:
    return json.loads(body, object_pairs_hook=lambda found: found)


@given(bodies())
def test_members_are_those_that_a_parser_finds(body):
    found = members(body)
    told = [(m.key, json.loads(body[m.value_start : m.value_end], object_pairs_hook=lambda p: p)) for m in found]
    assert told == pairs(body)
    for member in found:
        assert json.JSONDecoder().raw_decode(body[member.key_start :].decode())[0] == member.key
        assert body[member.value_start : member.value_end] == body[member.value_start : member.value_end].strip()


@given(bodies(), st.dictionaries(keys, values, min_size=1, max_size=3))
def test_splice_changes_the_named_values_only(body, changes):
    steering = [key for key, _ in pairs(body) if key in STEERING]
    assume(len(set(steering)) == len(steering))  # peek has seen to it
    raw = {key: json.dumps(value).encode() for key, value in changes.items()}
    changed = splice(body, raw)
    before, after = dict(pairs(body)), json.loads(changed)
    assert after == json.loads(body) | changes
    added = len(changes.keys() - before.keys())
    kept = [pair for pair in pairs(body) if pair[0] not in changes]
    assert [pair for pair in pairs(changed)[added:] if pair[0] not in changes] == kept
    # Taking the new values out of both leaves the same bytes.
    assert without(changed, set(changes), skip=added) == without(body, set(changes), skip=0)


def without(body: bytes, names: set[str], skip: int) -> bytes:
    """``body`` without its first ``skip`` members and without the values of those called ``names``."""
    found = members(body)
    start = body.index(b"{") + 1
    after = start
    if skip and len(found) > skip:
        after = found[skip - 1].value_end + 1
    elif skip:
        after = found[-1].value_end
    out, at = [body[:start]], after
    for member in found[skip:]:
        if member.key in names:
            out.append(body[at : member.value_start])
            at = member.value_end
    return b"".join([*out, body[at:]])


@given(bodies(), keys)
def test_value_of_is_what_a_parser_keeps(body, name):
    value = value_of(body, name)
    whole = json.loads(body)
    assert (value is not None) == (name in whole)
    if value is not None:
        assert json.loads(value) == whole[name]


@given(bodies(), st.sets(keys))
def test_values_of_are_the_value_of_each(body, names):
    found = {name: value for name in names if (value := value_of(body, name)) is not None}
    assert values_of(body, names) == found


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"model":"a","x":1}', b'{"model":"new","x":1}'),
        (b'{ "x" : 1.50 , "model" : "a" }', b'{ "x" : 1.50 , "model" : "new" }'),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"new"}'),
        (b'{"model":"model","t":{"model":"a"}}', b'{"model":"new","t":{"model":"a"}}'),
        (b'{"t":{"model":"a"},"model":null}', b'{"t":{"model":"a"},"model":"new"}'),
        (b'{"x":"model"}', b'{"model":"new","x":"model"}'),
        (b'{"t":{"model":"a"}}', b'{"model":"new","t":{"model":"a"}}'),
        (b"{}", b'{"model":"new"}'),
        (b" { } ", b' {"model":"new" } '),
        (b'{"x":"\\"model\\":\\"a\\"","model":"a"}', b'{"x":"\\"model\\":\\"a\\"","model":"new"}'),
    ],
)
def test_splice_by_example(body, changed):
    assert splice(body, {"model": b'"new"'}) == changed


@pytest.mark.parametrize("padding", ["", "x" * 5000])
def test_a_repeated_field_is_replaced_each_time(padding):
    body = b'{"n":1,"p":"%b","n":[2]}' % padding.encode()
    assert splice(body, {"n": b"3"}) == b'{"n":3,"p":"%b","n":3}' % padding.encode()


def test_splice_of_nothing_is_the_same_bytes():
    assert splice(b'{"a":1}', {}) == b'{"a":1}'


def test_huge_bodies_are_walked():
    body = b'{"pad":"' + b"x" * HUGE_BYTES + b'","model":"a"}'
    assert value_of(body, "model") == b'"a"'
    assert values_of(body, {"model", "n"}) == {"model": b'"a"'}
    assert splice(body, {"model": b'"b"', "n": b"1"}) == b'{"n":1,' + body[1:].replace(b'"a"', b'"b"')


def test_megabytes_of_blanks_hold_up_nobody():
    body = b'{"model":"a"' + b" \t\r\n" * (4 << 20) + b',"stream":true}'
    began = time.process_time()
    assert [member.key for member in members(body)] == ["model", "stream"]
    assert time.process_time() - began < 0.5


def test_a_walk_over_absurdly_many_members_is_refused():
    body = b'{"a":1' + b',"a":1' * MOST_MEMBERS + b"}"
    with pytest.raises(CallerError, match="fields") as caught:
        members(body)
    assert caught.value.code == "too_many_fields"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'{"a":1', b'{"a":', b'{"a"', b"{", b'{"a":1,}', b'{"a":1]', b'{"a" 1}', b'{"a":tru}']
)
def test_what_is_no_object_is_refused(body):
    with pytest.raises(ValueError):
        members(body)


def test_put_first():
    assert put_first(b' {"a":1}', {"b": b"2", "c": b"3"}) == b' {"b":2,"c":3,"a":1}'
    assert put_first(b"{}", {"b": b"2"}) == b'{"b":2}'

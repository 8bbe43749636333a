"""Equal questions have equal digests, others have not; what two readers could take differently has none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.wire.asked import LARGE_BYTES, MOST_BYTES, UNSHAPING, Asked, asked
from penstock.wire.operations import OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}
BASE: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def of(
    body: bytes, operation: str = "chat", scope: str = "a", secret: bytes = b"s", bound: bytes = b""
) -> Asked | None:
    made = BY_NAME[operation]
    call = Call(made, "POST", "/v1" + made.path, b"", [], "127.0.0.1")
    call.body = body
    return asked(call, secret, scope, bound)


def ask(scope: str = "a", secret: bytes = b"s", bound: bytes = b"", operation: str = "chat", **fields: Any) -> Asked:
    found = of(json.dumps(BASE | fields).encode(), operation, scope, secret, bound)
    assert found is not None
    return found


@pytest.mark.parametrize("name", sorted(UNSHAPING))
def test_how_an_answer_is_delivered_does_not_matter(name: str) -> None:
    assert ask().digest == ask(**{name: True}).digest
    assert name not in ask(**{name: True}).fields


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "b"}, {"secret": b"t"}, {"bound": b"x"}, {"operation": "completions"}, {"temperature": 0},
        {"model": "n"}, {"service_tier": "flex"}, {"tools": []}, {"n": 2}, {"messages": []}, {"seed": 1},
    ],
)  # fmt: skip
def test_what_shapes_the_answer_matters(fields: dict[str, Any]) -> None:
    assert ask().digest != ask(**fields).digest


def test_the_parts_of_what_is_hashed_cannot_run_into_each_other() -> None:
    digests = {ask(scope=scope, bound=bound).digest for scope, bound in [("a", b"b"), ("ab", b""), ("", b"ab")]}
    assert len(digests) == 3


def _spelled(value: Any, draw: Any) -> str:
    """``value`` as JSON in one of its many spellings."""
    blank = lambda: draw(st.sampled_from(["", " ", "\n\t"]))  # noqa: E731
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        inside = ",".join(
            f"{blank()}{_spelled(name, draw)}{blank()}:{blank()}{_spelled(value[name], draw)}{blank()}"
            for name in names
        )
        return f"{{{inside}}}"
    if isinstance(value, list):
        return "[" + ",".join(f"{blank()}{_spelled(item, draw)}{blank()}" for item in value) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.data(), st.dictionaries(TEXTS, VALUES, max_size=4))
def test_the_same_question_in_another_spelling_is_the_same_question(
    data: st.DataObject, fields: dict[str, Any]
) -> None:
    one = of(_spelled(BASE | fields, data.draw).encode())
    other = of(_spelled(BASE | fields, data.draw).encode())
    assert one is not None
    assert other is not None
    assert one.digest == other.digest


@settings(deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4))
def test_other_questions_are_other_questions(one: dict[str, Any], other: dict[str, Any]) -> None:
    left, right = of(json.dumps(one).encode()), of(json.dumps(other).encode())
    assert left is not None
    assert right is not None

    def plain(fields: dict[str, Any]) -> str:
        return json.dumps({name: value for name, value in fields.items() if name not in UNSHAPING}, sort_keys=True)

    assert (left.digest == right.digest) == (plain(one) == plain(other))


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","temperature":0,"temperature":1}',
        b'{"model":"m","temperature":0,"\\u0074emperature":1}',
        b'{"model": "m", "messages": [{"role": "user", "role": "system", "content": "x"}]}',
        b'{"model":"m","tools":[{"a":{"b":{"c":1,"d":2,"c":1}}}]}',
        b'{"model":"m","x":1e5,"y":1,"y":1}',  # a number that is longer in its canonical form hides a repeated key
        b'{"model":"m","x":[1e5,1e5,1e5],"y":1,"y":"abcdefghij"}',
        b'{"model":"m","user":"a","user":"b"}',
        b'{"a":1,"a":1}',
    ],
)
def test_a_key_given_twice_is_no_question_that_can_be_told(body: bytes) -> None:
    assert of(body) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "1e5", "1.50", '"x"', '"\\u0061"', "[1E2]"])), max_size=4
    ),
    st.sampled_from(["", " "]),
)
def test_exactly_those_with_a_repeated_key_are_refused(pairs: list[tuple[str, str]], blank: str) -> None:
    body = "{" + ",".join(f'"{name}":{blank}{value}' for name, value in pairs) + "}"
    assert (of(body.encode()) is None) == (len({name for name, _ in pairs}) < len(pairs))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1e400}', b"\xff", b"[" * 3000, b'{"a":' * 3000])
def test_what_cannot_be_read_has_none(body: bytes) -> None:
    assert of(body) is None


def test_numbers_of_any_length_are_told_apart() -> None:
    digests = [of(b'{"seed":%d}' % number) for number in (10**30, 10**30 + 1)]
    assert all(found is not None for found in digests)
    assert digests[0].digest != digests[1].digest  # type: ignore[union-attr]


def test_only_temperature_zero_is_deterministic() -> None:
    assert ask(temperature=0).deterministic
    assert ask(temperature=0.0).deterministic
    assert not ask().deterministic
    assert not ask(temperature=0.5).deterministic
    assert not ask(temperature=False).deterministic
    assert not ask(temperature=None).deterministic
    assert ask(operation="embeddings").deterministic
    assert ask(temperature=0.5).temperature == 0.5
    assert ask(temperature="0").temperature is None


@pytest.mark.parametrize(
    ("operation", "fields", "has"),
    [
        ("chat", {}, False),
        ("chat", {"store": True}, True),
        ("chat", {"store": False}, False),
        ("responses", {}, True),  # kept there unless told not to
        ("responses", {"store": False}, False),
        ("responses", {"store": False, "previous_response_id": "r"}, True),
        ("responses", {"store": False, "tools": [{"type": "web_search"}]}, True),
        ("responses", {"store": False, "tools": [{"type": "function", "name": "f"}]}, False),
        ("chat", {"web_search_options": None}, False),
        ("chat", {"web_search_options": {}}, True),
        ("chat", {"tools": [{"type": "function", "function": {"name": "f"}}]}, False),
        ("chat", {"tools": [{"type": "mcp"}]}, True),
        ("chat", {"tools": "all"}, True),
        ("chat", {"tools": [1]}, True),
        ("messages", {"tools": [{"name": "f", "input_schema": {}}]}, False),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, True),
        ("messages", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, False),
        ("messages", {"mcp_servers": [{}]}, True),
        ("messages", {"container": "c"}, True),
    ],
)
def test_what_does_more_than_answer(operation: str, fields: dict[str, Any], has: bool) -> None:
    assert ask(operation=operation, **fields).effects is has


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ({}, False),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "an image"}]}]}, False),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, True),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, True),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]}, True),
    ],
)
def test_media_are_seen(fields: dict[str, Any], has: bool) -> None:
    assert ask(**fields).images is has


def test_tools_are_seen() -> None:
    assert not ask().tools
    assert ask(tools=[{"type": "function"}]).tools
    assert ask(functions=[{"name": "f"}]).tools


PAD = "x" * (LARGE_BYTES + 1)


@settings(deadline=None)
@given(st.data(), st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz \\n", max_size=5), max_size=4))
def test_large_bodies_are_told_apart_by_their_members_in_any_order_and_with_any_blanks(
    data: st.DataObject, fields: dict[str, Any]
) -> None:
    whole = fields | {"pad": PAD, "stream": True}
    names = data.draw(st.permutations(list(whole)))
    comma, colon = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    spelled = json.dumps({name: whole[name] for name in names}, separators=(comma, colon))
    one, other = of(spelled.encode()), of(json.dumps(fields | {"pad": PAD}, separators=(",", ":")).encode())
    assert one is not None
    assert other is not None
    assert one.digest == other.digest
    assert dict(one.fields) == fields | {"pad": PAD}
    changed = of(json.dumps(fields | {"pad": PAD, "more": 1}).encode())
    assert changed is not None
    assert changed.digest != one.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'"a":[1,2]', b'"a":[2,1]'),
        (b'"a":"b","c":"d"', b'"a":"b\\nc\\nd"'),
        (b'"a":{"b":1,"b":2}', b'"a":{"b":2}'),  # which of the two counts, its reader knows: both are hashed
        (b'"temperature":0', b'"temperature":0.0'),
    ],
)
def test_large_bodies_that_differ_are_other_questions(one: bytes, other: bytes) -> None:
    digests = [of(b'{"pad":"%b",%b}' % (PAD.encode(), members)) for members in (one, other)]
    assert all(found is not None for found in digests)
    assert digests[0].digest != digests[1].digest  # type: ignore[union-attr]


@pytest.mark.parametrize("members", [b'"a":1,"a":1', b'"a": 1, "a": 2', b'"a":1e5,"b":1,"b":1', b'"a":1,"\\u0061":2'])
def test_a_large_body_with_a_member_given_twice_is_none(members: bytes) -> None:
    assert of(b'{"pad":"%b",%b}' % (PAD.encode(), members)) is None


def test_a_huge_body_is_no_question() -> None:
    assert ask(pad="x" * (MOST_BYTES - 1000))
    assert of(b'{"pad":"%b"}' % (b"x" * MOST_BYTES)) is None


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}, {"name": "g"}]}, False),
        ({"tools": [{"type": "web_search_20250305"}]}, True),
        ({"tools": [{"type": "bash_20250124"}]}, False),
        ({"tools": "all"}, True),
        ({"tools": [1]}, True),
        ({"tools": [{"type": 1}]}, True),
        ({"store": True}, True),
        ({"web_search_options": {}}, True),
        ({}, False),
    ],
)
def test_effects_of_large_bodies(fields: dict[str, Any], has: bool) -> None:
    one = ask(pad=PAD, temperature=0, **fields)
    assert one.effects is has
    assert one.deterministic
    assert one.tools is ("tools" in fields)

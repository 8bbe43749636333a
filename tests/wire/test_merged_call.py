"""Which calls can be put together, and what comes of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.wire.json import fill
from penstock.wire.merged_call import LIST_OF, merged_body, part_of, weights
from penstock.wire.operations import OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}


def call(body: Any, operation: str = "embeddings") -> Call:
    made = Call(BY_NAME[operation], "POST", "/", b"", [], "10.0.0.1")
    fill(made, body if isinstance(body, bytes) else json.dumps(body).encode())
    return made


def asks(given: Any, operation: str = "embeddings", **fields: Any) -> Call:
    return call({"model": "m", LIST_OF[operation]: given, **fields}, operation)


@pytest.mark.parametrize(
    ("given", "kind", "items"),
    [
        ("text", b'"', 1),
        (["a", "b"], b'"', 2),
        ([1, 2, 3], b"[", 1),
        ([7], b"[", 1),
        ([[1, 2], [3]], b"[", 2),
        ([{"text": "a"}, {"image": "b"}], b"{", 2),
    ],
)
def test_lists(given: Any, kind: bytes, items: int) -> None:
    part = part_of(asks(given))
    assert part is not None
    assert (part.kind, len(part.items)) == (kind, items)


@pytest.mark.parametrize(
    "given",
    ["", [], ["a", ""], ["a", 1], ["a", [1]], [[]], [None], {"text": "a"}, 7, None, [1, "a"], [1.5, "x"], [True]],
)
def test_what_goes_alone(given: Any) -> None:
    assert part_of(asks(given)) is None


@pytest.mark.parametrize(
    ("operation", "given", "fields"),
    [
        ("completions", "a", {"stream": True}),
        ("completions", "a", {"suffix": "b"}),
        ("completions", "a", {"n": 0}),
        ("completions", "a", {"n": 500}),
        ("completions", "a", {"prompt_embeds": "x"}),
        ("moderations", [{"type": "text", "text": "a"}, {"type": "image_url"}], {}),  # parts of one message
        ("rerank", ["a"], {"query": "q", "top_n": -1}),
        ("rerank", [1, 2], {"query": "q"}),
        ("embeddings", "a", {"messages": []}),
    ],
)
def test_what_is_no_list_that_could_be_joined(operation: str, given: Any, fields: Any) -> None:
    assert part_of(asks(given, operation, **fields)) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","input":"a","input":"b"}',
        b'{"model":"m","dimensions":1,"input":"a", "dimensions":2}',
        b'{"model":"m","\\u0069nput":"a","input":"b"}',
    ],
)
def test_what_two_readers_could_take_differently_goes_alone(body: bytes) -> None:
    assert part_of(call(body)) is None


def test_other_operations_are_none() -> None:
    assert part_of(call({"model": "m", "messages": []}, "chat")) is None


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (b'{"model":"m","input":"a","dimensions":8}', b'{ "dimensions" : 8, "input":"b","model":"m"}', True),
        (b'{"model":"m","input":"a"}', b'{"model":"\\u006d","input":"b"}', True),
        (b'{"model":"m","input":"a","x":{"a":1,"b":2}}', b'{"model":"m","input":"a","x":{ "b":2,"a":1}}', True),
        (b'{"model":"m","input":"a"}', b'{"model":"m","input":"a","dimensions":null}', False),
        (b'{"model":"m","input":"a","x":1}', b'{"model":"m","input":"a","x":2}', False),
    ],
)
def test_shapes(first: bytes, second: bytes, equal: bool) -> None:
    one, two = part_of(call(first)), part_of(call(second))
    assert one is not None
    assert two is not None
    assert (one.shape == two.shape) is equal


def test_top_n_and_copies() -> None:
    ranked = part_of(asks(["a", "b"], "rerank", query="q", top_n=1))
    assert ranked is not None
    assert ranked.most == 1
    assert json.loads(merged_body([ranked]))["top_n"] == 2
    unbound = part_of(asks(["a"], "rerank", query="q"))
    assert unbound is not None
    assert unbound.shape == ranked.shape
    assert "top_n" not in json.loads(merged_body([unbound]))
    copied = part_of(asks("a", "completions", n=3))
    assert copied is not None
    assert copied.copies == 3


def test_tokens() -> None:
    counted = part_of(asks([[1, 2, 3], [4]]))
    text = part_of(asks("x" * 38))
    assert counted is not None
    assert text is not None
    assert (counted.tokens, text.tokens) == (4, 10)
    assert weights(counted) == 4


texts = st.text(min_size=1, max_size=20)


@given(st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=6), st.booleans(), st.integers(0, 2))
def test_items_stand_in_a_row_byte_for_byte(lists: list[list[str]], ascii: bool, blanks: int) -> None:
    bodies = [
        json.dumps({"input": given, "model": "m", "dimensions": 3}, ensure_ascii=ascii, indent=blanks or None).encode()
        for given in lists
    ]
    parts = [part_of(call(body)) for body in bodies]
    merged = merged_body([part for part in parts if part is not None])
    assert all(parts)
    assert json.loads(merged) == {
        "model": "m", "dimensions": 3, "input": [text for given in lists for text in given],
    }  # fmt: skip
    for own in lists:
        for text in own:
            assert json.dumps(text, ensure_ascii=ascii).encode() in merged


@given(st.binary(max_size=60))
def test_no_bytes_break_it(rest: bytes) -> None:
    made = call(b'{"model":"m"}')
    made.body = b'{"model":"m","input":' + rest + b"}"
    part_of(made)

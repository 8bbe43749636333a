import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.grouping.beginning import common, key, prompt_at
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}


def call(operation: str = "chat", model: str = "m", **fields: object) -> Call:
    made = Call(BY_NAME[operation], "POST", "/v1" + BY_NAME[operation].path, b"", [], "")
    fill(made, json.dumps({"model": model, **fields}).encode())
    return made


def mark(made: Call, scope: str = "s", least: int = 64) -> int | None:
    return key(made, scope, prompt_at(made), least)


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def slow(one: bytes, other: bytes) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


@given(st.binary(max_size=300), st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 9), st.integers(0, 9))
def test_common_is_what_a_slow_comparison_finds(shared: bytes, a: bytes, b: bytes, x: int, y: int) -> None:
    one, other = b"." * x + shared + a, b"," * y + shared + b
    assert common(one, x, other, y) == slow(shared + a, shared + b)


def test_equal_beginnings_of_one_model_and_scope_have_one_key() -> None:
    one, other = call(messages=says("x" * 100 + "one")), call(messages=says("x" * 100 + "other"))
    assert mark(one) == mark(other) is not None
    assert mark(one, scope="t") != mark(one)
    assert mark(call(model="n", messages=says("x" * 100))) != mark(one)
    assert mark(call(messages=says("y" * 100))) != mark(one)
    assert mark(call("messages", max_tokens=1, messages=says("x" * 100))) != mark(one)


def test_what_is_short_or_has_no_prompt_has_none() -> None:
    assert mark(call(messages=says("x"))) is None
    assert mark(call("embeddings", input="x" * 100)) is None
    assert mark(call("completions", prompt="x" * 100)) is not None
    assert mark(call("responses", input="x" * 100)) is not None

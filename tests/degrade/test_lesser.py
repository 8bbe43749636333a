import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.degrade.ladder import Relief
from penstock.degrade.lesser import lesser
from penstock.wire.json import fill
from penstock.wire.operations import OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}


def call(operation: str = "chat", text: bytes | None = None, **fields: Any) -> Call:
    made = Call(BY_NAME[operation], "POST", "/v1/x", b"", [], "127.0.0.1")
    fill(made, text or json.dumps({"model": "big", **fields}).encode())
    return made


@pytest.mark.parametrize(
    ("operation", "given", "then"),
    [
        ("chat", {}, {"max_tokens": 64}),
        ("chat", {"max_tokens": 1000}, {"max_tokens": 64}),
        ("chat", {"max_completion_tokens": 1000}, {"max_completion_tokens": 64}),
        ("chat", {"max_completion_tokens": None}, {"max_completion_tokens": 64}),
        ("completions", {"max_tokens": 65}, {"max_tokens": 64}),
        ("messages", {"max_tokens": 4096}, {"max_tokens": 64}),
        ("responses", {}, {"max_output_tokens": 64}),
    ],
)
def test_a_shorter_answer_is_asked_for_by_the_name_that_stands_there(
    operation: str, given: dict[str, Any], then: dict[str, Any]
) -> None:
    found = lesser(call(operation, **given), Relief(64), "")
    assert found is not None
    changed, told = found
    assert told == ["max_tokens=64"]
    sent = json.loads(changed.body)
    assert {name: sent[name] for name in then} == then
    assert changed.max_tokens == 64


def test_only_the_named_bytes_change() -> None:
    text = b'{ "messages" : [ {"role":"user","content":"\\u00e9 1.0e5"} ],"model":"big", "max_tokens" : 9000 ,"x":1.0}'
    found = lesser(call(text=text), Relief(64), "mini")
    assert found is not None
    assert found[0].body == text.replace(b"9000", b"64").replace(b'"big"', b'"mini"')
    assert found[0].model == "mini"
    assert found[1] == ["max_tokens=64", "model=mini"]


@pytest.mark.parametrize(
    ("operation", "given", "relief", "model"),
    [
        ("chat", {"max_tokens": 64}, Relief(64), ""),
        ("chat", {"max_tokens": 3}, Relief(64), ""),
        ("chat", {}, Relief(cache_ttl=60.0), ""),
        ("chat", {}, Relief(model="big"), "big"),
        ("embeddings", {"input": "a"}, Relief(64, "mini"), "mini"),
    ],
)
def test_what_asks_for_no_more_is_left_alone(operation: str, given: dict[str, Any], relief: Relief, model: str) -> None:
    assert lesser(call(operation, **given), relief, model) is None


def test_the_caller_s_own_call_stays_as_it_was() -> None:
    one = call(stream=True, temperature=0, user="u", stream_options={"include_usage": True})
    body = one.body
    found = lesser(one, Relief(64), "mini")
    assert found is not None
    changed = found[0]
    assert (one.body, one.model, one.max_tokens) == (body, "big", None)
    assert (changed.stream, changed.temperature, changed.session, changed.usage_wanted) == (True, 0, "u", True)
    assert changed.headers is one.headers


@given(
    st.dictionaries(st.text(max_size=12), st.integers() | st.text(max_size=20) | st.none(), max_size=6),
    st.integers(1, 5000) | st.none(),
    st.integers(1, 5000),
)
def test_all_else_means_the_same(fields: dict[str, Any], limit: int | None, most: int) -> None:
    steering = {"model", "stream", "max_tokens", "max_completion_tokens", "max_output_tokens"}
    kept = {name: value for name, value in fields.items() if name not in steering}
    kept = {name: value for name, value in kept.items() if name not in ("user", "temperature", "n", "stream_options")}
    if limit is not None:
        kept["max_tokens"] = limit
    one = call(**kept)
    found = lesser(one, Relief(most), "")
    if limit is not None and limit <= most:
        assert found is None
    else:
        assert found is not None
        assert json.loads(found[0].body) == {**json.loads(one.body), "max_tokens": most}

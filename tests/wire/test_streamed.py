from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.wire.json import peek
from penstock.wire.json_scan import HUGE_BYTES
from penstock.wire.peeked import Peek
from penstock.wire.streamed import HARMLESS, as_stream

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.50}'


def test_a_stream_is_asked_for_and_every_other_byte_stays() -> None:
    asked = as_stream("chat", BODY)
    assert asked == b'{"stream":true,"stream_options":{"include_usage":true},' + BODY[1:]


@pytest.mark.parametrize("value", [b"false", b"null"])
def test_what_stood_there_is_replaced(value: bytes) -> None:
    asked = as_stream("completions", b'{"prompt":"p","stream":%b,"stream_options":null}' % value)
    assert asked == b'{"prompt":"p","stream":true,"stream_options":{"include_usage":true}}'


def test_messages_tell_usage_unasked() -> None:
    assert as_stream("messages", BODY) == b'{"stream":true,' + BODY[1:]


@pytest.mark.parametrize("operation", ["responses", "embeddings", "speech", "images", "count_tokens"])
def test_other_operations_are_left_alone(operation: str) -> None:
    assert as_stream(operation, BODY) is None


WITHOUT_STREAM: list[tuple[str, Any]] = [
    ("stream_options", {"include_usage": True}), ("stream_options", {}), ("audio", {"voice": "alloy"}),
    ("modalities", ["text", "audio"]), ("best_of", 3), ("echo", True), ("use_beam_search", True),
    ("prompt_logprobs", 0), ("return_hidden_states", True), ("kv_transfer_params", {"do_remote_decode": True}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WITHOUT_STREAM)
def test_what_streams_do_not_bring_is_asked_for_plain(field: str, value: object) -> None:
    assert as_stream("chat", msgspec.json.encode({"model": "m", field: value})) is None


def test_each_field_that_excludes_has_an_example() -> None:
    assert {field for field, _ in WITHOUT_STREAM} == set(HARMLESS)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in HARMLESS for value in HARMLESS[field]])
def test_with_these_values_they_exclude_nothing(field: str, value: object) -> None:
    asked = as_stream("chat", msgspec.json.encode({"model": "m", field: value}))
    assert asked is not None
    assert msgspec.json.decode(asked)["stream"] is True


def test_a_huge_body_is_walked() -> None:
    pad = b'"pad":"' + b"x" * HUGE_BYTES + b'"'
    assert as_stream("messages", b"{%b}" % pad) == b'{"stream":true,%b}' % pad
    assert as_stream("completions", b'{%b,"best_of":2}' % pad) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1,}', b"\xff", b"[" * 5000])
def test_what_cannot_be_looked_through_is_left_alone(body: bytes) -> None:
    assert as_stream("chat", body) is None


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers(0, 9) | st.text(), max_size=5))
def test_nothing_but_the_named_fields_changes(fields: dict[str, Any]) -> None:
    known = {*HARMLESS, *Peek.__struct_fields__}
    fields = {"model": "m"} | {key: fields[key] for key in fields if key not in known}
    body = msgspec.json.encode(fields | {"stream": False})
    asked = as_stream("chat", body)
    assert asked is not None
    changes = {"stream": True, "stream_options": {"include_usage": True}}
    assert msgspec.json.decode(asked) == msgspec.json.decode(body) | changes
    assert peek(asked, needs_model=False).stream is True

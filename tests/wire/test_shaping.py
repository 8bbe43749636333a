import pytest

from penstock.core.call import Call, Headers, Operation
from penstock.core.errors import CallerError
from penstock.wire.shaping import shaping


def shape(*fields: tuple[bytes, bytes], query: bytes = b"") -> bytes:
    headers: Headers = list(fields)
    return shaping(Call(Operation("chat", "openai", ""), "POST", "/", query, headers, ""))


def test_who_asks_and_in_which_trace_shapes_nothing() -> None:
    plain = shape()
    assert shape((b"authorization", b"Bearer a"), (b"user-agent", b"x"), (b"traceparent", b"1")) == plain
    assert shape((b"x-stainless-os", b"Linux"), (b"content-length", b"9"), (b"x-penstock-session", b"s")) == plain


def test_every_other_field_that_reaches_the_upstream_may() -> None:
    plain = shape()
    assert shape((b"openai-beta", b"x")) != plain
    assert shape((b"anthropic-version", b"1")) != shape((b"anthropic-version", b"2"))
    assert shape(query=b"api-version=1") != plain
    assert shape((b"accept-language", b"de")) != plain
    assert shape((b"idempotency-key", b"1")) != plain
    assert shape((b"x-penstock-classification", b"secret")) != plain


def test_their_order_does_not() -> None:
    one, two = (b"a-beta", b"1"), (b"b-beta", b"2")
    assert shape(one, two) == shape(two, one)


def test_a_broken_field_is_refused() -> None:
    with pytest.raises(CallerError):
        shape((b"a-beta", b"1\r\nb: 2"))

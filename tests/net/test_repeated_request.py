"""A repeated head is taken for one only where a parser would find exactly one request in the bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.net.http_head import RequestHead
from penstock.net.repeated_request import RepeatedRequest, learn

BEFORE = b"POST /v1 HTTP/1.1\r\nhost: a\r\nContent-Length: "
AFTER = b"\r\nx: y\r\n\r\n"


def message(body: bytes, length: bytes | None = None) -> bytes:
    return BEFORE + (b"%d" % len(body) if length is None else length) + AFTER + body


def known(body: bytes = b"{}") -> RepeatedRequest:
    head = RequestHead.__new__(RequestHead)
    data = message(body)
    made = learn(data, len(data) - len(body), head)
    assert made is not None
    return made


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=6))
def test_bodies_of_any_length_are_found(bodies: list[bytes]) -> None:
    one = known()
    for body in bodies:
        assert one.body(message(body)) == body
        assert one.body(message(body)) == body  # by what came last


@given(st.binary(max_size=12), st.binary(min_size=1, max_size=3))
def test_what_is_not_exactly_one_is_for_the_parser(body: bytes, more: bytes) -> None:
    one = known()
    assert one.body(message(body)) == body
    assert one.body(message(body) + more) is None
    assert one.body(message(body)[:-1]) is None
    assert one.body(b"G" + message(body)[1:]) is None


def test_lengths_that_are_none() -> None:
    one = known()
    for length in (b"", b"+2", b"-2", b"2 ", b"0x2", b"9" * 16):
        assert one.body(message(b"{}", length)) is None
    assert one.body(message(b"{}", b"002")) == b"{}"


def test_a_head_without_a_length_is_not_learned() -> None:
    head = RequestHead.__new__(RequestHead)
    data = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    assert learn(data, len(data), head) is None

"""A head sent again is recognised without parsing: the same requests must come out as if each byte had been parsed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import Fail
from penstock.net.request_parser import RequestParser
from tests.net.test_request_parser import Taken, parsing

pytestmark = pytest.mark.interpreted  # by what it inherits it counts

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n"


def post(body: bytes, head: bytes = HEAD) -> bytes:
    return head % len(body) + body


class Counting(RequestParser):
    """Counts what was recognised."""

    __slots__ = ("recognised",)
    recognised: int

    def _again(self, data: bytes, repeat: Any) -> bool:
        again = super()._again(data, repeat)
        self.recognised = getattr(self, "recognised", 0) + again
        return again


def counting() -> tuple[Counting, Taken]:
    parser, taken = parsing()
    return Counting(taken, parser._server), taken


def test_a_repeated_head_is_recognised_whatever_its_length() -> None:
    parser, taken = counting()
    bodies = [b"{}", b'{"a":1}', b"", b"x" * 5000, b"{}"]
    for body in bodies:
        assert parser.feed(post(body)) is None
    assert [body.complete for _, body in taken.requests] == bodies
    assert len({id(head) for head, _ in taken.requests}) == 1
    assert parser.recognised == len(bodies) - 1


@pytest.mark.parametrize(
    "second",
    [
        post(b"{}") + b"G",  # a byte too many
        post(b"{}")[:-1],  # a byte too few
        HEAD % 3 + b"{}",
        post(b"{}", HEAD.replace(b"X-A: 1", b"X-A: 2")),
        post(b"{}", HEAD.replace(b"POST", b"PUT")),
        post(b"{}").replace(b": 2\r\n", b": +2\r\n"),
        post(b"{}").replace(b": 2\r\n", b": \r\n"),
        post(b"{}") + post(b"{}"),
    ],
)
def test_anything_else_is_parsed(second: bytes) -> None:
    parser, _ = counting()
    assert parser.feed(post(b"{}")) is None
    parser.feed(second)
    assert getattr(parser, "recognised", 0) == 0


def test_a_request_behind_a_stray_byte_is_not_recognised() -> None:
    """The parser holds the beginning of something: what follows belongs to that, however it looks."""
    parser, taken = counting()
    assert parser.feed(post(b"{}")) is None
    assert parser.feed(b"PO") is None
    assert parser.feed(post(b"{}")) is not None
    assert len(taken.requests) == 1


PIECES = [post(b"{}"), post(b"{}" * 40), post(b"", HEAD), b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n", b"P", b"junk"]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_the_outcome_is_that_of_a_parser_that_recognises_nothing(pieces: list[bytes], cuts: list[int]) -> None:
    """Whatever the reads are, both take the same requests and refuse at the same read."""
    reads = []
    for piece in pieces:
        at = cuts.pop() if cuts else 0
        reads += [part for part in (piece[:at], piece[at:]) if part]
    plain, plain_taken = parsing()
    quick, quick_taken = counting()

    def run(parser: RequestParser, taken: Taken) -> list[Fail | None]:
        refusals = []
        for read in reads:
            refusals.append(parser.feed(read))
            if refusals[-1] is not None:
                break
            plain._repeat = None
        return [None if fail is None else fail.status for fail in refusals]  # type: ignore[misc]

    assert run(plain, plain_taken) == run(quick, quick_taken)
    assert plain_taken.told() == quick_taken.told()

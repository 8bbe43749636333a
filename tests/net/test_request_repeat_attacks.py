"""Reads cut so that the parser stands in the middle of something: nothing may be recognised behind them."""

import pytest

from tests.net.test_request_parser import parsing

ASKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
BARE = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("stray", [b"P", b"PO", b"POS", b"POST", b"POST ", b"POST /x HTTP/1.1\r\n"])
@pytest.mark.parametrize("last", [ASKED, BARE, ASKED.replace(b": 2\r\n\r\n{}", b": 0\r\n\r\n")])
def test_nothing_is_recognised_behind_the_beginning_of_a_request(last: bytes, stray: bytes) -> None:
    parser, taken = parsing()
    for read in (ASKED, BARE, last):
        assert parser.feed(read) is None
    parser.feed(stray)
    before = len(taken.requests)
    parser.feed(ASKED)
    assert parser.refusal is not None or len(taken.requests) == before

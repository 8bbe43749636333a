from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.net.http_head import HeadReader, RequestHead
from penstock.net.request_body import Body
from penstock.net.request_parser import READ_BYTES, RequestParser
from penstock.net.server import Limits
from tests.net.probes import BODY, CHUNKED, H2C, LENGTH, PROBES, TE, get, post

SAMPLE = b"".join(
    (
        get(),
        post(LENGTH),
        post(TE, body=CHUNKED[:-2] + b"host: evil\r\nx-a: 1\r\n\r\n"),
        get(b"/b"),
        post(LENGTH),
        get(),
        post(LENGTH, *H2C),
        post(TE, *H2C, body=CHUNKED),
        get(b"/health", *H2C),
        get(b"/b"),
    )
)


class Taken:
    """A connection that only notes."""

    def __init__(self) -> None:
        self.requests: list[tuple[RequestHead, Body]] = []
        self.held = False

    def take(self, head: RequestHead, body: Body) -> None:
        self.requests.append((head, body))

    def hold_reading(self) -> None:
        self.held = True

    def want_body(self) -> None:
        pass

    def told(self) -> list[tuple[str, str, tuple[tuple[bytes, bytes], ...], bytes | None]]:
        return [(head.method, head.path, tuple(head.headers), body.complete) for head, body in self.requests]


def parsing(**limits: Any) -> tuple[RequestParser, Taken]:
    taken = Taken()
    server: Any = SimpleNamespace(limits=Limits(**limits), heads=HeadReader())
    return RequestParser(taken, server), taken


def whole(data: bytes) -> Taken:
    parser, taken = parsing()
    assert parser.feed(data) is None
    return taken


def test_requests_come_out_in_order() -> None:
    told = whole(SAMPLE).told()
    assert [(method, path) for method, path, _, _ in told] == [
        ("GET", "/health"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/b"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/health"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/health"),
        ("GET", "/b"),
    ]
    assert [body for _, _, _, body in told] == [b"", BODY, BODY, b"", BODY, b"", BODY, BODY, b"", b""]


def test_trailers_are_no_fields() -> None:
    told = whole(SAMPLE).told()
    assert [name for name, _ in told[2][2]] == [b"host", b"authorization", b"transfer-encoding"]
    assert told[3][2] == ((b"host", b"localhost"),)


@pytest.mark.parametrize("at", range(0, len(SAMPLE), 7))
def test_cut_in_two(at: int) -> None:
    parser, taken = parsing()
    assert parser.feed(SAMPLE[:at]) is None
    assert parser.feed(SAMPLE[at:]) is None
    assert taken.told() == whole(SAMPLE).told()


def test_one_byte_at_a_time() -> None:
    parser, taken = parsing()
    for byte in SAMPLE:
        assert parser.feed(bytes([byte])) is None
    assert taken.told() == whole(SAMPLE).told()


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=8))
def test_cut_anywhere(cuts: list[int]) -> None:
    parser, taken = parsing()
    edges = [0, *sorted(cuts), len(SAMPLE)]
    for start, end in pairwise(edges):
        assert parser.feed(SAMPLE[start:end]) is None
    assert taken.told() == whole(SAMPLE).told()


@given(st.sampled_from(PROBES), st.data())
def test_a_refusal_does_not_depend_on_the_cuts(probe: Any, data: st.DataObject) -> None:
    raw = probe.raw
    if len(raw) > 4000:
        return
    at = data.draw(st.integers(0, len(raw)))
    outcomes = []
    for pieces in ([raw], [raw[:at], raw[at:]]):
        parser, taken = parsing()
        refusals = [parser.feed(piece) for piece in pieces]
        last = refusals[-1]
        outcomes.append((last and last.status, [body for _, _, _, body in taken.told()]))
    assert outcomes[0] == outcomes[1]


def test_a_head_that_repeats_is_the_same_object() -> None:
    taken = whole(get() + get() + get(b"/other") + get())
    heads = [head for head, _ in taken.requests]
    assert heads[0] is heads[1]
    assert heads[2] is not heads[1]
    assert heads[3].path == "/health"


@pytest.mark.parametrize(
    "other",
    [get(b"/health", version=b"1.0"), get(b"/health?x"), get(b"/health", b"A: 1"), b"DELETE" + get()[3:]],
    ids=["version", "query", "fields", "method"],
)
def test_a_head_that_differs_is_another(other: bytes) -> None:
    (first, _), (second, _) = whole(get() + other).requests
    assert first is not second
    assert (first.method, first.version, first.query, first.headers) != (
        second.method,
        second.version,
        second.query,
        second.headers,
    )


def test_the_bounds_of_a_head() -> None:
    def status(data: bytes, **limits: Any) -> int | None:
        parser, _ = parsing(**limits)
        refusal = parser.feed(data)
        return refusal.status if refusal else None

    assert status(get(b"/", b"A: " + b"a" * 900), max_head=1024) is None
    assert status(get(b"/", b"A: " + b"a" * 1020), max_head=1024) == 431
    assert status(get(b"/", b"A: " + b"a" * 1000)[:-4], max_head=1024) == 431
    assert status(get(b"/", b"A: 1", b"B: 2"), max_fields=3) is None
    assert status(get(b"/", b"A: 1", b"B: 2", b"C: 3"), max_fields=3) == 431


def test_a_head_that_begins_behind_a_large_body_is_not_too_large() -> None:
    body = b'{"a":"' + b"a" * 200_000 + b'"}'
    parser, taken = parsing()
    assert parser.feed(post(b"Content-Length: %d" % len(body), body=body) + get()[:-2]) is None
    assert parser.feed(get()[-2:]) is None
    assert len(taken.requests) == 2


def test_a_head_that_begins_behind_many_others_is_not_too_large() -> None:
    parser, taken = parsing()
    assert parser.feed(get() * 2000 + get()[:-2]) is None
    assert parser.feed(get()[-2:]) is None
    assert len(taken.requests) == 2001


def test_a_head_behind_a_body_is_bounded_all_the_same() -> None:
    parser, _ = parsing()
    assert parser.feed(post(LENGTH) + get()[:-2]) is None
    fed = 0
    while parser.feed(b"X: " + b"a" * 4096) is None:
        fed += 4096
        assert fed <= READ_BYTES + 2 * 32768


@pytest.mark.parametrize("endless", [b"1;a=", b"0\r\nx: "], ids=["extension", "trailer"])
def test_a_body_without_content_is_bounded(endless: bytes) -> None:
    parser, _ = parsing()
    assert parser.feed(post(TE, body=b"2\r\n{}\r\n" + endless)) is None
    fed = 0
    while parser.feed(b"a" * 4096) is None:
        fed += 4096
        assert fed <= READ_BYTES + 2 * 32768


def test_a_long_body_in_tiny_chunks_is_fine() -> None:
    parser, taken = parsing()
    assert parser.feed(post(TE, body=b"")) is None
    for _ in range(3000):
        for part in (b"1", b"\r\n", b"a", b"\r\n"):
            assert parser.feed(part * 1) is None
    assert parser.feed(b"0\r\n\r\n") is None
    assert taken.told()[0][3] == b"a" * 3000


def test_after_a_refusal_nothing_comes_out() -> None:
    parser, taken = parsing()
    first = parser.feed(get() + get(host=b"") + get())
    assert first is not None
    assert parser.feed(get()) is first
    assert len(taken.requests) == 1
    assert repr(parser) == "<RequestParser refused>"


HANDSHAKE = get(b"/v1/x", b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 0")


@pytest.mark.parametrize("cut", [0, 1, len(HANDSHAKE) // 2])
def test_what_comes_behind_an_upgrade_is_kept_and_not_read_as_http(cut: int) -> None:
    parser, taken = parsing(max_head=1024)
    assert parser.feed(HANDSHAKE[:cut]) is None if cut else True
    assert parser.feed(HANDSHAKE[cut:] + get()) is None
    assert parser.feed(HANDSHAKE) is None  # the very same again is no request either
    assert [head.path for head, _ in taken.requests] == ["/v1/x"]
    assert not taken.held
    while not taken.held:  # who does not wait for the answer is not heard out
        assert parser.feed(b"x" * 200) is None
        assert len(parser.beyond) < 2048
    assert parser.let_go().startswith(get() + HANDSHAKE)

import http

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.net.http_head import (
    MAX_TARGET_BYTES,
    HeadReader,
    RequestHead,
    body_length,
    response_head,
    split_target,
    status_line,
)

HOST = (b"host", b"localhost")


def read(target: bytes = b"/", *fields: tuple[bytes, bytes], method: str = "GET", version: str = "1.1") -> RequestHead:
    return HeadReader().read(method, target, version, list(fields) or [HOST])


def refused(target: bytes = b"/", *fields: tuple[bytes, bytes], method: str = "GET", version: str = "1.1") -> int:
    with pytest.raises(CallerError) as raised:
        read(target, *fields, method=method, version=version)
    return raised.value.status


def test_a_head() -> None:
    fields: Headers = [HOST, (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2")]
    head = HeadReader().read("POST", b"/v1/x?a=1?b", "1.1", fields)
    assert (head.method, head.path, head.query, head.host) == ("POST", "/v1/x", b"a=1?b", b"localhost")
    assert head.http11
    assert head.keep_alive
    assert not head.chunked
    assert head.forwarded == b"1.1.1.1, 2.2.2.2"
    assert head.headers is fields
    assert repr(head) == "<RequestHead POST /v1/x>"


@pytest.mark.parametrize(
    ("version", "value", "keep"),
    [
        ("1.1", None, True),
        ("1.1", b"close", False),
        ("1.1", b"x, CLOSE ", False),
        ("1.1", b"closed", True),
        ("1.0", None, False),
        ("1.0", b"Keep-Alive", True),
        ("1.0", b"keep-alive, close", False),
    ],
)
def test_keep_alive(version: str, value: bytes | None, keep: bool) -> None:
    fields = [HOST] if value is None else [HOST, (b"connection", value)]
    assert read(b"/", *fields, version=version).keep_alive == keep


def test_expectations() -> None:
    assert read(b"/", HOST, (b"expect", b"100-Continue")).expect
    assert not read(b"/", HOST, (b"expect", b"100-continue"), version="1.0").expect
    assert refused(b"/", HOST, (b"expect", b"teapot")) == 417


def test_transfer_codings() -> None:
    assert read(b"/", HOST, (b"transfer-encoding", b"Chunked")).chunked
    assert refused(b"/", HOST, (b"transfer-encoding", b"gzip, chunked")) == 501
    assert refused(b"/", HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")) == 501
    assert refused(b"/", HOST, (b"transfer-encoding", b"chunked"), version="1.0") == 400


@pytest.mark.parametrize("host", [b"a", b"a.b-c_d:1", b"127.0.0.1:65535", b"[::1]", b"[fe80::1]:80", b"A~"])
def test_good_hosts(host: bytes) -> None:
    assert read(b"/", (b"host", host)).host == host


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/",
        b"a@b",
        b"a?b",
        b"a#b",
        b"a:b",
        b"a:",
        b"a:123456",
        b"[::1",
        b"::1",
        b"a,b",
        b"a%20",
        b"a\xe9",
    ],
)
def test_bad_hosts(host: bytes) -> None:
    assert refused(b"/", (b"host", host)) == 400


def test_one_host() -> None:
    assert refused(b"/", (b"a", b"b")) == 400
    assert refused(b"/", HOST, HOST) == 400
    assert refused(b"/", HOST, HOST, version="1.0") == 400
    assert read(b"/", (b"a", b"b"), version="1.0").host == b""
    assert read(b"http://other:1/x", HOST).host == b"other:1"


def test_what_was_found_good_once_does_not_open_the_door_for_another() -> None:
    reader = HeadReader(remembered=2)
    reader.read("OPTIONS", b"*", "1.1", [HOST])
    with pytest.raises(CallerError):
        reader.read("GET", b"*", "1.1", [HOST])
    for number in range(5):
        target = b"/%d" % number
        assert reader.read("GET", target, "1.1", [(b"host", b"h%d" % number)]).path == f"/{number}"
    assert len(reader._targets) <= 2
    assert len(reader._hosts) <= 2
    absolute = reader.read("GET", b"http://one/0", "1.1", [HOST])
    assert (absolute.path, absolute.host) == ("/0", b"one")


def test_versions_and_methods() -> None:
    assert refused(version="2.0") == 505
    assert refused(version="0.9") == 505
    assert refused(b"a:443", method="CONNECT") == 405


@pytest.mark.parametrize(
    ("target", "split"),
    [
        (b"/", ("/", b"", None)),
        (b"/a;b=c/d%20e?q=%2f..//", ("/a;b=c/d%20e", b"q=%2f..//", None)),
        (b"/?", ("/", b"", None)),
        (b"http://h", ("/", b"", b"h")),
        (b"HTTPS://h:8/p?q", ("/p", b"q", b"h:8")),
        (b"/v1/models/a%2Fb", ("/v1/models/a%2Fb", b"", None)),
        (b"/a..b/.c", ("/a..b/.c", b"", None)),
    ],
)
def test_targets(target: bytes, split: tuple[str, bytes, bytes | None]) -> None:
    assert split_target("GET", target) == split


@pytest.mark.parametrize(
    "target",
    [
        *(b"", b"a", b"*", b"@e", b"//", b"/a//b", b"/.", b"/..", b"/a/../b", b"/a/./b", b"/%2e", b"/%2E%2e/"),
        *(b"/a%2fb", b"/a%5cb", b"/a\\b", b"/%00", b"/%", b"/%a", b"/%gg", b"/a b", b"/a\x00", b"/\xff", b"/<a>"),
        *(b"/a#b", b"/a?b#c", b"/a?b c", b"http://", b"http://u@h/", b"http://h?x", b"file:///a"),
        *(b"/v1/models/a%2e", b"/v1/models/a%2fb/c%2fd"),
    ],
)  # fmt: skip
def test_bad_targets(target: bytes) -> None:
    with pytest.raises(CallerError) as raised:
        split_target("GET", target)
    assert raised.value.status == 400


def test_long_targets() -> None:
    with pytest.raises(CallerError) as raised:
        split_target("GET", b"/" + b"a" * MAX_TARGET_BYTES)
    assert raised.value.status == 414


@given(st.binary(max_size=40))
def test_no_target_gets_through_out_of_normal_form(target: bytes) -> None:
    try:
        path, query, _ = split_target("GET", b"/" + target)
    except CallerError:
        return
    assert path.startswith("/")
    assert "//" not in path
    assert "\\" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert "%2e" not in path.lower()
    assert "#" not in path
    assert b" " not in query


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1 ", b"0x1", b"1_0", "٢".encode(), b"1" * 16])
def test_bad_lengths(value: bytes) -> None:
    with pytest.raises(CallerError):
        body_length(value)


def test_lengths() -> None:
    assert body_length(b"0012") == 12


def test_status_lines() -> None:
    for status in http.HTTPStatus:
        assert status_line(status) == f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    assert status_line(599) == b"HTTP/1.1 599 Unknown\r\n"
    assert response_head(204, [b"a: b\r\n", b"c: d\r\n"]) == b"HTTP/1.1 204 No Content\r\na: b\r\nc: d\r\n\r\n"

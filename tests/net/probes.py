"""What attackers and RFC lawyers send: one row each, with the statuses that must come back and whether the connection
must then be closed. ``KEY`` stands for a good API key. Rows follow RFC 9112 (framing) and RFC 9110 (semantics)."""

from dataclasses import dataclass

BODY = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@dataclass(frozen=True, slots=True)
class Probe:
    """``answers``: the final statuses, in order. ``closes``: the server ends the connection after them."""

    name: str
    raw: bytes
    answers: tuple[int, ...]
    closes: bool = True


def get(
    target: bytes = b"/health", *lines: bytes, host: bytes = b"Host: localhost\r\n", version: bytes = b"1.1"
) -> bytes:
    return b"GET %b HTTP/%b\r\n%b%b\r\n" % (target, version, host, b"".join(line + b"\r\n" for line in lines))


def post(*lines: bytes, body: bytes = BODY, version: bytes = b"1.1") -> bytes:
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"POST /v1/chat/completions HTTP/%b\r\nHost: localhost\r\nAuthorization: Bearer KEY\r\n%b\r\n%b" % (
        version,
        fields,
        body,
    )


LENGTH = b"Content-Length: %d" % len(BODY)
TE = b"Transfer-Encoding: chunked"
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")
"""How a client that would rather speak HTTP/2 begins: with the first call, its body behind."""
SOCKET = (
    *(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Authorization: Bearer KEY"),
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def chunks(raw: bytes) -> bytes:
    return post(TE, body=raw)


def good(name: str, raw: bytes, *answers: int, closes: bool = False) -> Probe:
    return Probe(name, raw, answers or (200,), closes)


def bad(name: str, raw: bytes, *answers: int) -> Probe:
    return Probe(name, raw, answers or (400,))


FRAMING = [
    good("content-length", post(LENGTH)),
    good("chunked", chunks(CHUNKED)),
    good("chunked in small chunks", chunks(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n")),
    good("chunked, upper-case coding", post(b"Transfer-Encoding: CHUNKED", body=CHUNKED)),
    good("chunk extension", chunks(b"%x;name=value\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))),
    good("leading zeros in a chunk size", chunks(b"000%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))),
    good("trailers", chunks(CHUNKED[:-2] + b"x-checksum: 1\r\nx-more: 2\r\n\r\n")),
    good("body of a GET", get(b"/health", b"Content-Length: 2") + b"{}"),
    good("chunked body of a GET", get(b"/health", TE) + b"2\r\n{}\r\n0\r\n\r\n"),
    good("no body at all", post(b"Content-Length: 0", body=b""), 400),
    good("no length and no body", post(body=b""), 400),
    bad("content-length and transfer-encoding", post(LENGTH, TE, body=CHUNKED)),
    bad("transfer-encoding and content-length", post(TE, LENGTH, body=CHUNKED)),
    bad("two equal content-lengths", post(LENGTH, LENGTH)),
    bad("two different content-lengths", post(LENGTH, b"Content-Length: 5")),
    bad("content-length list", post(b"Content-Length: %d, %d" % (len(BODY), len(BODY)))),
    bad("negative content-length", post(b"Content-Length: -1")),
    bad("content-length with a plus", post(b"Content-Length: +%d" % len(BODY))),
    bad("hexadecimal content-length", post(b"Content-Length: 0x3c")),
    bad("content-length with an underscore", post(b"Content-Length: 6_0")),
    bad("empty content-length", post(b"Content-Length:")),
    bad("content-length with a space inside", post(b"Content-Length: 6 0")),
    bad("content-length over 2^64", post(b"Content-Length: 18446744073709551616")),
    bad("content-length in other digits", post(b"Content-Length: \xd9\xa2")),
    bad("content-length 2^60", post(b"Content-Length: 1152921504606846976")),
    bad("content-length of 15 digits", post(b"Content-Length: 999999999999999"), 413),
    bad("transfer-encoding folded", post(b"Transfer-Encoding:\r\n chunked", body=CHUNKED)),
    bad("chunked twice", post(b"Transfer-Encoding: chunked, chunked", body=CHUNKED)),
    bad("chunked in two fields", post(TE, TE, body=CHUNKED)),
    bad("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked", body=CHUNKED), 501),
    bad("chunked, identity", post(b"Transfer-Encoding: chunked, identity", body=CHUNKED)),
    bad("xchunked", post(b"Transfer-Encoding: xchunked", body=CHUNKED), 501),
    bad("chunked with a vertical tab", post(b"Transfer-Encoding: \x0bchunked", body=CHUNKED)),
    bad("chunked in quotes", post(b'Transfer-Encoding: "chunked"', body=CHUNKED), 501),
    bad("identity", post(b"Transfer-Encoding: identity", body=CHUNKED), 501),
    bad("empty transfer-encoding", post(b"Transfer-Encoding:", body=CHUNKED)),
    bad("transfer-encoding with a space before the colon", post(b"Transfer-Encoding : chunked", body=CHUNKED)),
    bad("transfer-encoding in HTTP/1.0", post(TE, body=CHUNKED, version=b"1.0")),
    bad("chunk size 0x", chunks(b"0x3c\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk size with a plus", chunks(b"+3c\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("negative chunk size", chunks(b"-1\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("empty chunk size", chunks(b"\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk size of letters", chunks(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk size with a space before", chunks(b" 3c\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk larger than it says", chunks(b"5\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk size 2^64", chunks(b"10000000000000000\r\n" + BODY)),
    bad("chunk size of twenty f", chunks(b"f" * 20 + b"\r\n" + BODY)),
    bad("chunk ended by a bare LF", chunks(b"3c\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("chunk data ended by a bare LF", chunks(b"3c\r\n" + BODY + b"\n0\r\n\r\n")),
    bad("chunk extension with a bare LF", chunks(b"3c;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("last chunk ended by bare LFs", chunks(b"3c\r\n" + BODY + b"\r\n0\n\n")),
    bad("malformed trailer", chunks(CHUNKED[:-2] + b"no colon\r\n\r\n")),
    bad("endless trailer", chunks(CHUNKED[:-2] + b"x: " + b"a" * 700_000), 431),
    bad("endless chunk extension", chunks(b"3c;a=" + b"a" * 700_000), 431),
]

LINES = [
    good("leading empty lines", b"\r\n\r\n" + get()),
    good("many spaces around a value", get(b"/health", b"X-A: \t  1 \t ")),
    good("empty value", get(b"/health", b"X-A:")),
    good("high bytes in a value", get(b"/health", b"X-A: \xff\xfe\x80")),
    bad("bare LF line ends", get().replace(b"\r\n", b"\n")),
    bad("bare LF after the request line", b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n"),
    bad("bare LF after a field", b"GET /health HTTP/1.1\r\nHost: localhost\nX-A: 1\r\n\r\n"),
    bad("bare CR in a value", get(b"/health", b"X-A: a\rb")),
    bad("bare CR as line end", get(b"/health", b"X-A: a\rX-B: b")),
    bad("NUL in a value", get(b"/health", b"X-A: a\0b")),
    bad("NUL in a name", get(b"/health", b"X\0A: b")),
    bad("control character in a value", get(b"/health", b"X-A: a\x01b")),
    bad("space before the colon", get(b"/health", b"X-A : b")),
    bad("space in a name", get(b"/health", b"X A: b")),
    bad("name in UTF-8", get(b"/health", "Größe: 1".encode())),
    bad("empty name", get(b"/health", b": b")),
    bad("no colon", get(b"/health", b"X-A")),
    bad("folded value", get(b"/health", b"X-A: a\r\n b")),
    bad("space before the first field", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    good(
        "two spaces in the request line (RFC 9112, 3: may be taken)",
        b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    bad("tab in the request line", b"GET\t/health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    bad("space before the method", b" GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    bad("space after the version", b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n"),
    bad("space in the target", b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    bad("no version", b"GET /health\r\nHost: localhost\r\n\r\n", 505),
    bad("HTTP/0.9", b"GET /health\r\n\r\n", 505),
    bad("HTTP/0.9 by name", get(version=b"0.9"), 505),
    bad("HTTP/1.2", get(version=b"1.2")),
    bad("HTTP/2.0", get(version=b"2.0"), 505),
    bad("HTTP/3.9", get(version=b"3.9")),
    bad("HTTP/11.1", get(version=b"11.1")),
    bad("http in lower case", b"GET /health http/1.1\r\nHost: localhost\r\n\r\n"),
    bad("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 64),
    bad("garbage", b"\x00\x01\x02\x03\r\n\r\n"),
    good("garbage after a request", get() + b"\x00\x01\x02", 200, 400, closes=True),
    good("garbage after a body", post(LENGTH) + b"zz\r\n\r\n", 200, 400, closes=True),
]

HOSTS = [
    good("host with a port", get(host=b"Host: localhost:8400\r\n")),
    good("host in upper case", get(host=b"HOST: LOCALHOST\r\n")),
    good("IPv6 host", get(host=b"Host: [::1]:8400\r\n")),
    good("no host in HTTP/1.0", get(host=b"", version=b"1.0"), closes=True),
    bad("no host", get(host=b"")),
    bad("two hosts", get(host=b"Host: localhost\r\nHost: localhost\r\n")),
    bad("two hosts, one empty", get(host=b"Host: localhost\r\nHost:\r\n")),
    bad("two hosts in HTTP/1.0", get(host=b"Host: a\r\nHost: b\r\n", version=b"1.0")),
    bad("host list", get(host=b"Host: a, b\r\n")),
    bad("empty host", get(host=b"Host:\r\n")),
    bad("host with a path and query", get(host=b"Host: a/?x=\r\n")),
    bad("host with a fragment", get(host=b"Host: localhost/#@x\r\n")),
    bad("host with userinfo", get(host=b"Host: good@evil\r\n")),
    bad("host with a space", get(host=b"Host: a b\r\n")),
    bad("host with a backslash", get(host=b"Host: a\\b\r\n")),
    bad("host with an escape", get(host=b"Host: a%2fb\r\n")),
    bad("host with a port that is none", get(host=b"Host: localhost:80x\r\n")),
    bad("host that ends in a colon twice", get(host=b"Host: localhost::\r\n")),
    bad("host with an open bracket", get(host=b"Host: [::1\r\n")),
    bad("host of 300 bytes", get(host=b"Host: " + b"a" * 300 + b"\r\n")),
]

TARGETS = [
    good("query", get(b"/health?a=1&b=%2F%2e%2e/../")),
    good("parameters", get(b"/health;v=1"), 404),
    good("absolute form", get(b"http://localhost/health")),
    good("absolute form with another host field", get(b"http://localhost:8400/health", host=b"Host: other\r\n")),
    good("absolute form in upper case", get(b"HTTP://localhost/health")),
    good("absolute form without a path", get(b"http://localhost")),
    good("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 204),
    good("a model's name with a slash", get(b"/v1/models/org%2Fname"), 401),
    bad("asterisk of a GET", get(b"*")),
    bad("absolute form with userinfo", get(b"http://u:p@localhost/health")),
    bad("absolute form without a host", get(b"http:///health")),
    bad("absolute form of another scheme", get(b"ftp://localhost/health")),
    bad("absolute form with a bad host", get(b"http://a b/health")),
    bad("absolute form with a query for a host", get(b"http://localhost?/admin/v1/status")),
    bad("@evil", get(b"@evil")),
    bad("no slash", get(b"health")),
    bad("admin without a slash", get(b"admin/v1/status")),
    bad("escaped slash", get(b"/v1%2fadmin/..%2f")),
    bad("escaped slash before admin", get(b"/%2fadmin/v1/status")),
    bad("dot segments", get(b"/v1/../admin/v1/status")),
    bad("dot segment", get(b"/./admin/v1/status")),
    bad("dot segment at the end", get(b"/admin/v1/status/..")),
    bad("escaped dots", get(b"/v1/%2e%2e/admin/v1/status")),
    bad("half escaped dots", get(b"/v1/.%2E/admin/v1/status")),
    bad("double slash", get(b"//admin/v1/status")),
    bad("double slash inside", get(b"/admin//v1/status")),
    bad("escaped NUL", get(b"/health%00")),
    bad("escaped backslash", get(b"/v1%5c..%5cadmin")),
    bad("backslash", get(b"/v1\\..\\admin")),
    bad("broken escape", get(b"/health%zz")),
    bad("escape cut short", get(b"/health%2")),
    bad("fragment", get(b"/health#x")),
    bad("high bytes", get(b"/h\xc3\xa9alth")),
    bad("NUL", get(b"/health\0")),
    bad("dots behind a model's name", get(b"/v1/models/..%2f..%2fadmin%2e")),
    good("admin without a key", get(b"/admin/v1/status"), 401),
    good("admin in upper case", get(b"/ADMIN/v1/status"), 404),
    good("admin with a parameter", get(b"/admin/v1/status;x"), 404),
    good("admin with a slash behind", get(b"/admin/v1/status/"), 404),
    bad("target of 64 KiB", get(b"/" + b"a" * 65536), 431),
    bad("target of 10 KiB", get(b"/" + b"a" * 10_000), 414),
]

SIZES = [
    good("100 fields", get(b"/health", *[b"X-%d: 1" % number for number in range(99)])),
    bad("101 fields", get(b"/health", *[b"X-%d: 1" % number for number in range(100)]), 431),
    bad("10,000 fields", get(b"/health", *[b"X-%d: 1" % number for number in range(9_999)]), 431),
    bad("10,000 fields without an end", get(b"/health", *[b"X-%d: 1" % n for n in range(9_999)])[:-2], 431),
    good("field of 30 KiB", get(b"/health", b"X-A: " + b"a" * 30_000)),
    bad("field of 64 KiB", get(b"/health", b"X-A: " + b"a" * 65_536), 431),
    bad("field of 1 MiB", get(b"/health", b"X-A: " + b"a" * 1_048_576), 431),
    bad("field of 1 MiB without an end", get(b"/health", b"X-A: " + b"a" * 1_048_576)[:-4], 431),
    bad("name of 64 KiB", get(b"/health", b"a" * 65_536 + b": 1"), 431),
    bad("fields of 40 KiB behind a request", post(LENGTH) + get(b"/health", b"X: " + b"a" * 40_000), 200, 431),
]

METHODS = [
    good("HEAD", b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    good("HEAD of what is not there", b"HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    good("TRACE", b"TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    good("DELETE", b"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    good("a method of WebDAV", b"PROPFIND / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    bad("CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    bad("CONNECT to a path", b"CONNECT /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    bad("an unknown method", b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    bad("a method in lower case", b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    bad("a very long method", b"G" * 100_000 + b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
]

CONNECTIONS = [
    good("keep-alive of HTTP/1.0", get(b"/health", b"Connection: keep-alive", version=b"1.0")),
    good("HTTP/1.0 closes", get(version=b"1.0"), closes=True),
    good("close", get(b"/health", b"Connection: close"), closes=True),
    good("close in a list", get(b"/health", b"Connection: x-a, Close"), closes=True),
    good("close in a second field", get(b"/health", b"Connection: keep-alive", b"Connection: close"), closes=True),
    good("nothing after close", get(b"/health", b"Connection: close") + get(), closes=True),
    good("h2c is not taken", get(b"/health", *H2C)),
    good("h2c is not taken, but the call behind it is", post(LENGTH, *H2C)),
    good("h2c with a chunked body", post(TE, *H2C, body=CHUNKED)),
    good("h2c and another request behind it", post(LENGTH, *H2C) + get(b"/nothing"), 200, 404),
    good("h2c of a stranger", post(LENGTH, *H2C).replace(b"KEY", b"none"), 401),
    bad("h2c and a malformed chunk", post(TE, *H2C, body=b"zz\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad("an upgrade to HTTP/2 in two framings", post(TE, LENGTH, *H2C, body=CHUNKED)),
    good("websocket with a body", get(b"/v1/stream", *SOCKET, b"Content-Length: 5") + b"hello", 400, closes=True),
    good("websocket with an empty body", get(b"/v1/stream", *SOCKET, TE) + b"0\r\n\r\n", 400, closes=True),
    good("websocket of a POST", post(LENGTH, b"Connection: Upgrade", b"Upgrade: websocket"), 404),
    good("upgrade without connection", get(b"/health", b"Upgrade: h2c")),
    good("websocket", get(b"/health", b"Connection: Upgrade", b"Upgrade: websocket"), 404, closes=True),
    good("expect 100-continue, body along", post(LENGTH, b"Expect: 100-continue")),
    good("expect in HTTP/1.0", post(LENGTH, b"Expect: 100-continue", version=b"1.0"), closes=True),
    bad("another expectation", post(LENGTH, b"Expect: 200-ok"), 417),
    good("two pipelined", get() + get(b"/nothing"), 200, 404),
    good("a hundred pipelined", get() * 100, *[200] * 100),
    good("pipelined bodies", post(LENGTH) + chunks(CHUNKED) + get() + post(LENGTH), 200, 200, 200, 200),
    good("bad behind good", post(LENGTH) + b"GET / HTTP/9.9\r\n\r\n", 200, 400, closes=True),
    bad("two hundred pipelined", get() * 200, *[200] * 128, 429),
    bad("smuggled behind a refused one", post(LENGTH, TE, body=b"0\r\n\r\n" + get(b"/admin/v1/status"))),
    bad("a stranger's body is not read", b"POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{", 401),
]  # fmt: skip

PROBES = [*FRAMING, *LINES, *HOSTS, *TARGETS, *SIZES, *METHODS, *CONNECTIONS]

import pytest

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.net.handshake import accepted, check_answer, check_handshake, offering, tokens
from penstock.net.http_head import RequestHead

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
GOOD: dict[bytes, bytes] = {
    b"upgrade": b"websocket",
    b"connection": b"keep-alive, Upgrade",
    b"sec-websocket-key": KEY,
    b"sec-websocket-version": b"13",
}


def head(method: str = "GET", *, http11: bool = True, more: Headers = [], **changed: bytes | None) -> RequestHead:  # noqa: B006
    fields = {**GOOD, **{name.replace("_", "-").encode(): value for name, value in changed.items()}}
    given = [(name, value) for name, value in fields.items() if value is not None]
    return RequestHead(method, b"/", "/", b"", [*given, *more], http11=http11)


def test_the_example_of_the_rfc() -> None:
    assert check_handshake(head()) == KEY
    answer = accepted(KEY, b"chat", b"date: now\r\n")
    assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert b"\r\nsec-websocket-protocol: chat\r\ndate: now\r\n\r\n" in answer
    assert answer.startswith(b"HTTP/1.1 101 ")


def test_no_subprotocol_is_named_that_was_not_chosen() -> None:
    assert b"sec-websocket-protocol" not in accepted(KEY, b"", b"")


@pytest.mark.parametrize(
    "wrong",
    [
        head("POST"),
        head(upgrade=None),
        head(upgrade=b"websocket, h2c"),
        head(sec_websocket_protocol=b"real time"),
        head(sec_websocket_protocol=b"a, b(c)"),
        head(http11=False),
        head(connection=b"keep-alive"),
        head(connection=None),
        head(sec_websocket_key=None),
        head(sec_websocket_key=b"c2hvcnQ="),
        head(sec_websocket_key=b"not base64 at all!!!!!!!"),
        head(more=[(b"sec-websocket-key", KEY)]),
    ],
)
def test_what_is_no_handshake_is_refused(wrong: RequestHead) -> None:
    with pytest.raises(CallerError) as refused:
        check_handshake(wrong)
    assert (refused.value.status, refused.value.code) == (400, "bad_handshake")


@pytest.mark.parametrize("version", [b"8", b"13, 8", b"", None])
def test_another_version_is_refused_by_its_own_status(version: bytes | None) -> None:
    with pytest.raises(CallerError) as refused:
        check_handshake(head(sec_websocket_version=version))
    assert refused.value.status == 426


# ---- our own

ACCEPT = (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
SWITCH: Headers = [(b"upgrade", b"WebSocket"), (b"connection", b"keep-alive, upgrade")]


def test_what_we_offer_is_a_handshake() -> None:
    lines = offering(KEY, [b"a", b"b"]).decode().split("\r\n")
    assert lines.pop() == ""
    fields = [(name.encode(), value.encode()) for name, value in (line.split(": ") for line in lines)]
    assert check_handshake(RequestHead("GET", b"/", "/", b"", fields, http11=True)) == KEY
    assert tokens(fields, b"sec-websocket-protocol") == [b"a", b"b"]
    assert b"protocol" not in offering(KEY, [])


@pytest.mark.parametrize(
    ("more", "chosen"),
    [([], b""), ([(b"sec-websocket-protocol", b"b")], b"b"), ([(b"sec-websocket-extensions", b"")], b"")],
)
def test_an_answer_to_it(more: Headers, chosen: bytes) -> None:
    assert check_answer([*SWITCH, ACCEPT, *more], KEY, [b"a", b"b"]) == chosen


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([ACCEPT], "another protocol"),
        ([SWITCH[0], ACCEPT], "another protocol"),
        ([(b"upgrade", b"h2c"), SWITCH[1], ACCEPT], "another protocol"),
        (SWITCH, "prove"),
        ([*SWITCH, ACCEPT, ACCEPT], "prove"),
        ([*SWITCH, (ACCEPT[0], ACCEPT[1].lower())], "prove"),
        ([*SWITCH, ACCEPT, (b"sec-websocket-extensions", b"permessage-deflate")], "extension"),
        ([*SWITCH, ACCEPT, (b"sec-websocket-protocol", b"A")], "subprotocol"),
        ([*SWITCH, ACCEPT, (b"sec-websocket-protocol", b"a, b")], "subprotocol"),
        ([*SWITCH, ACCEPT, (b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"b")], "subprotocol"),
    ],
)
def test_an_answer_that_is_none_to_it(headers: Headers, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_answer(headers, KEY, [b"a", b"b"])


def test_tokens_of_several_fields_are_one_list() -> None:
    fields = [(b"connection", b" A ,b,"), (b"other", b"c"), (b"connection", b"D")]
    assert tokens(fields, b"connection") == [b"a", b"b", b"d"]
    assert tokens([(b"sec-websocket-protocol", b"Key.Aa, b")], b"sec-websocket-protocol") == [b"Key.Aa", b"b"]

import pytest

from penstock.core.call import Headers
from penstock.wire.subprotocols import is_of_handshake, tellable, with_key

HEAD: Headers = [(b"host", b"h")]


@pytest.mark.parametrize(
    ("offered", "key"),
    [
        ([], None),
        ([b"realtime", b"openai-beta.realtime-v1"], None),
        ([b"realtime", b"openai-insecure-api-key.sk-pen-a"], b"Bearer sk-pen-a"),
        ([b"openai-insecure-api-key.sk-pen-a", b"openai-insecure-api-key.sk-pen-b"], b"Bearer sk-pen-a"),
        ([b"openai-insecure-api-key."], None),
    ],
)
def test_a_key_among_subprotocols_becomes_a_field(offered: list[bytes], key: bytes | None) -> None:
    got = with_key(HEAD, offered)
    assert got == ([*HEAD, (b"authorization", key)] if key else HEAD)
    assert HEAD == [(b"host", b"h")]


def test_what_is_private_is_told_to_nobody() -> None:
    offered = [b"openai-insecure-api-key.k", b"b", b"openai-organization.o", b"a", b"openai-project.p"]
    assert tellable(offered) == [b"b", b"a"]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [(b"sec-websocket-key", True), (b"sec-websocket-x", True), (b"origin", True), (b"sec-fetch-mode", False)],
)
def test_fields_of_the_handshake(name: bytes, is_one: bool) -> None:
    assert is_of_handshake(name) is is_one

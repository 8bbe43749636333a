"""The opening handshake of a WebSocket (RFC 6455, section 4), both sides. Pure.

Enters: the checked head of an upgrade request, or of the answer to ours. Leaves: the fields of the answer, or of our
request. May fail: CallerError 400 for a request that is no proper handshake, 426 for another version; ValueError for
an answer that is none to what was asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.net.http_head import RequestHead

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CASELESS = (b"connection", b"upgrade")
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
VERSION = b"13"


def check_handshake(head: RequestHead) -> bytes:
    """The caller's Sec-WebSocket-Key. Raises CallerError."""
    if head.method != "GET" or not head.http11:
        raise _bad("a WebSocket is opened by GET over HTTP/1.1")
    if tokens(head.headers, b"upgrade") != [b"websocket"]:
        raise _bad('the field "Upgrade: websocket" is missing')
    if b"upgrade" not in tokens(head.headers, b"connection"):
        raise _bad('the field "Connection: Upgrade" is missing')
    if tokens(head.headers, b"sec-websocket-version") != [VERSION]:
        raise CallerError("the only version of WebSocket spoken here is 13", status=426, code="websocket_version")
    keys = [value for name, value in head.headers if name == b"sec-websocket-key"]
    try:
        sized = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        sized = False
    if not sized:
        raise _bad("Sec-WebSocket-Key must be given once and hold 16 bytes in Base64")
    if not all(map(_TOKEN.fullmatch, tokens(head.headers, b"sec-websocket-protocol"))):
        raise _bad("Sec-WebSocket-Protocol must be a list of tokens")
    return keys[0]


def accepted(key: bytes, protocol: bytes, date: bytes) -> bytes:
    """The head that opens the socket. ``protocol`` is the subprotocol chosen, or empty; ``date`` a ready line."""
    return b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (accepting(key, protocol), date)


def accepting(key: bytes, protocol: bytes) -> bytes:
    """The lines of that head that are about the socket."""
    chosen = b"sec-websocket-protocol: %b\r\n" % protocol if protocol else b""
    return b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %b\r\n%b" % (_proof(key), chosen)


def offering(key: bytes, protocols: Sequence[bytes]) -> bytes:
    """The lines of a request that asks for a socket. ``key`` is 16 random bytes in Base64."""
    offered = b"sec-websocket-protocol: %b\r\n" % b", ".join(protocols) if protocols else b""
    return b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: %b\r\n%b" % (
        key,
        offered,
    )


def check_answer(headers: Headers, key: bytes, protocols: Sequence[bytes]) -> bytes:
    """The subprotocol that a 101 agrees to, or empty. Raises ValueError: it proves nothing, or agrees to what was not
    offered (RFC 6455, 4.1)."""
    if tokens(headers, b"upgrade") != [b"websocket"] or b"upgrade" not in tokens(headers, b"connection"):
        raise ValueError("switched to another protocol")
    if [value for name, value in headers if name == b"sec-websocket-accept"] != [_proof(key)]:
        raise ValueError("did not prove that it read the handshake")
    if tokens(headers, b"sec-websocket-extensions"):
        raise ValueError("agreed to an extension that was not offered")
    chosen = [value for name, value in headers if name == b"sec-websocket-protocol"]
    if not chosen:
        return b""
    if len(chosen) > 1 or chosen[0] not in protocols:
        raise ValueError("agreed to a subprotocol that was not offered")
    return chosen[0]


def _proof(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def tokens(headers: Headers, wanted: bytes) -> list[bytes]:
    """The comma-separated values of all fields ``wanted``; those of Connection and Upgrade in lower case."""
    found = [part.strip() for name, value in headers if name == wanted for part in value.split(b",")]
    return [token.lower() if wanted in _CASELESS else token for token in found if token]


def _bad(message: str) -> CallerError:
    return CallerError(message, code="bad_handshake")

"""The opening handshake of a WebSocket (RFC 6455, section 4.2), server side. Pure.

Enters: the checked head of an upgrade request. Leaves: the head of the answer, and what the caller offered. May fail:
CallerError 400 for a request that is no proper handshake, 426 for another version.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from penstock.core.call import Headers
from penstock.core.errors import CallerError
from penstock.net.http_head import RequestHead

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = b"13"


def check_handshake(head: RequestHead) -> bytes:
    """The caller's Sec-WebSocket-Key. Raises CallerError."""
    if head.method != "GET" or not head.http11:
        raise _bad("a WebSocket is opened by GET over HTTP/1.1")
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
    return keys[0]


def accepted(key: bytes, protocol: bytes, date: bytes) -> bytes:
    """The head that opens the socket. ``protocol`` is the subprotocol chosen, or empty; ``date`` a ready line."""
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    chosen = b"sec-websocket-protocol: %b\r\n" % protocol if protocol else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: %b\r\n%b%b\r\n" % (accept, chosen, date)
    )


def tokens(headers: Headers, wanted: bytes) -> list[bytes]:
    """The comma-separated values of all fields ``wanted``; those of Connection in lower case."""
    found = [part.strip() for name, value in headers if name == wanted for part in value.split(b",")]
    return [token.lower() if wanted == b"connection" else token for token in found if token]


def _bad(message: str) -> CallerError:
    return CallerError(message, code="bad_handshake")

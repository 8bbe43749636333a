"""A connection to an upstream through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), with TLS inside when asked."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from penstock.net.client_connection import ClientConnection

if TYPE_CHECKING:
    from penstock.net.client import Origin


def proxy_key(url: str) -> bytes:
    """The credentials in a proxy's URL, as it is shown them (RFC 7617); empty without."""
    parts = urlsplit(url)
    if parts.username is None:
        return b""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return b"Basic " + base64.b64encode(pair.encode())


def connect_head(target: bytes, key: bytes) -> bytes:
    """What a proxy is asked."""
    shown = b"proxy-authorization: %b\r\n" % key if key else b""
    return b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (target, target, shown)


class _Opening(asyncio.Protocol):
    """Reads the proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self.answered.done() and (b"\r\n\r\n" in self._head or len(self._head) > 16384):
            self.answered.set_result(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(ConnectionResetError("the proxy closed the connection"))


async def open_tunnel(origin: Origin, address: str, port: int) -> ClientConnection:
    """Connect through the proxy at ``address``. Raises OSError when the proxy refuses."""
    loop = asyncio.get_running_loop()
    transport, opening = await loop.create_connection(_Opening, address, port)
    try:
        host = origin.reach.host
        target = (f"[{host}]" if ":" in host else host).encode() + b":%d" % origin.reach.port
        transport.write(connect_head(target, origin.reach.proxy_key))
        head = await opening.answered
        parts = head.split(b" ", 2)
        if len(parts) < 2 or parts[1] != b"200" or not head.endswith(b"\r\n\r\n"):
            said = parts[1].decode("latin-1")[:3] if len(parts) > 1 else "nothing"
            raise OSError(f"the proxy {address}:{port} answered {said} to CONNECT")
        connection = ClientConnection(origin)
        inner: asyncio.BaseTransport = transport
        if origin.tls is not None:
            secured = await loop.start_tls(
                transport, connection, origin.tls, server_hostname=origin.reach.host.strip("[]")
            )
            inner = cast(asyncio.BaseTransport, secured)
        else:
            transport.set_protocol(connection)
        connection.connection_made(inner)
        return connection
    except BaseException:
        transport.abort()
        raise

"""One request on a connection until its response is written, and what its app owes the connection meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from penstock.core.errors import Fail
from penstock.net.http_head import RequestHead
from penstock.net.request_body import Body

if TYPE_CHECKING:
    from penstock.net.connection import Connection


class Served(Protocol):
    """What the app makes of a turn."""

    def abandon(self, reason: str) -> None:
        """The caller is gone: stop, nothing can be written any more."""

    def hold(self) -> None:
        """The caller reads too slowly: push nothing until ``release``."""

    def release(self) -> None: ...

    def expire(self, fail: Fail | None = None) -> None:
        """The deadline given to ``busy_until`` has passed, or ``fail`` ends the response now."""


class Successor(Protocol):
    """What a connection goes on as when its request was an upgrade."""

    def take_over(self, connection: Connection, transport: asyncio.Transport, data: bytes) -> None:
        """Go on where ``connection`` ended; ``data`` came behind its last request."""


class Turn:
    """One request on a connection, until its response is written."""

    __slots__ = ("body", "connection", "expects", "head", "peer", "served")

    def __init__(self, connection: Connection, head: RequestHead, body: Body) -> None:
        self.expects = head.expect
        self.connection = connection
        self.head = head
        self.body = body
        self.peer = connection.peer
        self.served: Served | None = None

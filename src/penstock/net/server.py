"""The listening side: sockets, limits, connections counted in all and per peer, an orderly stop.

Requests leave to an ``App``. Fails at start with OSError when the port is taken; a full server drops new connections.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from penstock.core.call import Headers
from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.net.connection import Connection
from penstock.net.http_head import HeadReader
from penstock.net.outbox import Outbox
from penstock.net.turn import Turn

SEND_BUFFER_BYTES = 64 * 1024
"""SO_SNDBUF: the kernel would else swallow megabytes for a reader that does not read."""
CONNECTION_BYTES = 14 * 1024
"""What a call in flight takes with the sockets on both sides and all that serves them, measured; bodies come on top."""
TLS_BYTES = 44 * 1024
"""More for a connection with TLS."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server; times in seconds, sizes in bytes."""

    first_byte_timeout: float = 15.0
    head_timeout: float = 15.0
    body_timeout: float = 30.0
    idle_timeout: float = 75.0
    write_timeout: float = 300.0
    max_head: int = 32 * 1024
    max_fields: int = 100
    max_connections: int = 20_000
    max_connections_per_peer: int = 10_000


class App(Protocol):
    """What serves requests. Neither method may raise."""

    def begin(self, turn: Turn) -> None:
        """Serve ``turn``: set ``turn.served``, and in the end call ``turn.connection.finish`` or ``abort``."""

    def refuse(self, fail: Fail, target: bytes, fields: Headers) -> bytes:
        """The complete response to a request too malformed to become a turn."""


class Tally(Protocol):
    """Counts bytes that are taken already."""

    def charge(self, size: int) -> bool:
        """False: that is more than may be taken."""

    def release(self, size: int) -> None: ...


class Peer(Protocol):
    """A connection, of whatever protocol, as the server sees it."""

    @property
    def peer(self) -> str: ...

    def close_when_idle(self) -> None: ...

    def end_with(self, fail: Fail | None = None) -> None: ...

    def abort(self) -> None: ...


class Server:
    """Owns the connections of one worker, of which ``busy`` have a request under way. ``memory`` counts what they take.

    ``limits`` may be replaced while running (a reload).
    """

    def __init__(
        self, app: App, limits: Limits, wheel: Wheel, now: Callable[[], float], memory: Tally | None = None
    ) -> None:
        self.app = app
        self.limits = limits
        self.wheel = wheel
        self.now = now
        self.heads = HeadReader()
        self.outbox = Outbox(asyncio.get_running_loop())
        self.busy = 0
        self.stopping = False
        self.refused_connections = 0
        self._connections: dict[Peer, int] = {}  # with the bytes that each was charged
        self._peers: dict[str, int] = {}
        self._listeners: list[asyncio.Server] = []
        self._memory = memory
        self._each = CONNECTION_BYTES

    async def listen(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept on a socket that is bound already. The socket stays owned by the caller."""
        self._each = CONNECTION_BYTES if tls is None else CONNECTION_BYTES + TLS_BYTES
        self._listeners.append(
            await asyncio.get_running_loop().create_server(
                lambda: Connection(self),
                sock=listener,
                ssl=tls,
                backlog=4096,
                # Before its handshake a connection is not ours yet: no other deadline sees it.
                ssl_handshake_timeout=None if tls is None else self.limits.first_byte_timeout,
            )
        )

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False when it is one too many."""
        peers = self._peers
        held = peers.get(connection.peer, 0)
        peers[connection.peer] = held + 1
        each = self._connections[connection] = 0 if self._memory is None else self._each
        fits = self._memory is None or self._memory.charge(each)
        limits, number = self.limits, len(self._connections)
        if not fits or self.stopping or number > limits.max_connections or held >= limits.max_connections_per_peer:
            self.refused_connections += 1
            return False
        return True

    def replace(self, connection: Peer, successor: Peer) -> None:
        """``successor`` stands in the place of ``connection``."""
        self._connections[successor] = self._connections.pop(connection, 0)

    def forget(self, connection: Peer) -> None:
        """A connection is gone."""
        charged = self._connections.pop(connection, 0)
        if self._memory is not None:
            self._memory.release(charged)
        held = self._peers.get(connection.peer, 0)
        if held > 1:
            self._peers[connection.peer] = held - 1
        else:
            self._peers.pop(connection.peer, None)

    @property
    def connections(self) -> Iterable[object]:
        """Those now open."""
        return self._connections

    @property
    def open(self) -> int:
        """Connections now open."""
        return len(self._connections)

    def stop_accepting(self) -> None:
        """Close the listeners' accept loops and idle connections; busy ones close after their response."""
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.close_when_idle()

    def leave(self) -> None:
        """Close the listeners' accept loops: somebody else accepts on the same socket. What is open stays until its
        next response; of idle callers only those of WebSockets are told, for they can be."""
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            if not isinstance(connection, Connection):
                connection.close_when_idle()

    def end_all(self, fail: Fail) -> None:
        """End every running response with an error."""
        for connection in list(self._connections):
            connection.end_with(fail)

    def abort_all(self) -> None:
        """Drop what is still open."""
        for connection in list(self._connections):
            connection.abort()

    def __repr__(self) -> str:
        return f"<Server {len(self._connections)} connections{' stopping' if self.stopping else ''}>"


def bind(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A listening TCP socket with bounded send buffers. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:  # a label is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Inherited by accepted sockets, which saves two system calls each.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(4096)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener

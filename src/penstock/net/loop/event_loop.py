"""An asyncio event loop on Turns and SocketTransports; what is rare (pipes, children, signals, DNS) is asyncio's.

What it replaces and reads of asyncio is the same in Python 3.11 to 3.13 (docs/decisions/0047-event-loop.md). Where
there is no epoll (macOS), asyncio's own loop serves.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import sys
import time
from asyncio import base_events
from collections.abc import Callable
from typing import Any, cast

from penstock.net.loop.tls import TlsTransport
from penstock.net.loop.transport import SocketTransport
from penstock.net.loop.turns import Turns

MOST_ACCEPTED = 128
"""In one turn of the loop: others have their turn between."""


class EventLoop(asyncio.SelectorEventLoop):
    """See the module. In debug mode handles are asyncio's, which know where they were made."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns(self)
        self._replace()

    def _replace(self) -> None:
        """Put what is compiled in the place of asyncio's. In the object and not its class: asyncio's tasks look up
        ``call_soon`` and call what they find, with no frame of Python between."""
        turns = self._turns
        quick = {"call_soon": turns.call_soon, "call_later": turns.call_later, "call_at": turns.call_at}
        for name, method in quick.items():
            if self.get_debug():
                self.__dict__.pop(name, None)
            else:
                self.__dict__[name] = method
        self.__dict__.update(_run_once=turns.run_once, time=time.monotonic)
        turns.debug = self.get_debug()

    def set_debug(self, enabled: bool) -> None:
        """As asyncio's."""
        super().set_debug(enabled)
        if "_turns" in self.__dict__:  # asyncio asks for it while it is made
            self._replace()

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As asyncio's: for debug mode, and to refuse when it is closed."""
        own: Any = self
        own._check_closed()
        own._check_thread()
        own._check_callback(callback, "call_at")
        timer: Any = asyncio.TimerHandle(when, callback, args, self, context)
        if timer._source_traceback:
            del timer._source_traceback[-1]  # this very line
        self._turns.schedule(when, timer)
        return cast(asyncio.TimerHandle, timer)

    def _timer_handle_cancelled(self, handle: Any) -> None:
        self._turns.cancelled += handle._scheduled

    def close(self) -> None:
        """As asyncio's. Transports that are open are closed without a word."""
        super().close()
        for name in ("call_soon", "call_later", "call_at", "_run_once"):
            self.__dict__.pop(name, None)
        self._turns.close()

    # ---- transports

    def _make_socket_transport(
        self, sock: socket.socket, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> SocketTransport:
        self._ensure_fd_no_transport(sock)
        transport = self._transport(sock, protocol, None if extra is None else extra.get("peername"), server)
        self._turns.call_soon(transport.start, waiter)
        return transport

    def _transport(self, sock: socket.socket, protocol: Any, peer: Any, server: Any) -> SocketTransport:
        base_events._set_nodelay(sock)  # type: ignore[attr-defined]
        transport = SocketTransport(self._turns, sock, protocol, peer)
        if server is not None:
            transport.gone = _seat(server, transport)
        return transport

    def _accept_connection(
        self, protocol_factory: Callable[[], Any], sock: socket.socket, sslcontext: Any = None, server: Any = None,
        *limits: Any,
    ) -> None:  # fmt: skip
        """Take what waits at a listening socket. asyncio makes a task for each; that is kept for TLS, which has a
        handshake to wait for, and for a socket that fails: where no descriptors are left, it tries again later."""
        if sslcontext is None:
            for _ in range(MOST_ACCEPTED):
                try:
                    accepted, peer = sock.accept()
                except BlockingIOError:
                    return
                except OSError:
                    break
                self._take_on(accepted, protocol_factory, peer, server)
            else:
                return
        super()._accept_connection(protocol_factory, sock, sslcontext, server, *limits)  # type: ignore[misc]

    def _take_on(self, sock: socket.socket, protocol_factory: Callable[[], Any], peer: Any, server: Any) -> None:
        sock.setblocking(False)
        transport = None
        try:
            transport = self._transport(sock, protocol_factory(), peer, server)
            transport.start(None)
        except Exception as error:
            self._turns.tell({"message": "Error on transport creation for incoming connection", "exception": error})
            if transport is None:
                sock.close()

    def _make_ssl_transport(
        self, rawsock: socket.socket, protocol: Any, sslcontext: ssl.SSLContext | None, waiter: Any = None, *,
        server_side: bool = False, server_hostname: str | None = None, extra: Any = None, server: Any = None,
        ssl_handshake_timeout: float | None = None, ssl_shutdown_timeout: float | None = None,
    ) -> TlsTransport:  # fmt: skip
        context = sslcontext or ssl.create_default_context()  # as for ``ssl=True`` of a client
        limits = (ssl_handshake_timeout, ssl_shutdown_timeout)
        tls = TlsTransport(self._turns, protocol, context, waiter, server_side, server_hostname, *limits, True)
        self._make_socket_transport(rawsock, tls, extra=extra, server=server)
        return tls

    async def start_tls(  # type: ignore[override]
        self, transport: Any, protocol: Any, sslcontext: ssl.SSLContext, *, server_side: bool = False,
        server_hostname: str | None = None, ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> TlsTransport:  # fmt: skip
        """As asyncio's."""
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        waiter = self.create_future()
        limits = (ssl_handshake_timeout, ssl_shutdown_timeout)
        tls = TlsTransport(self._turns, protocol, sslcontext, waiter, server_side, server_hostname, *limits, False)
        transport.pause_reading()  # what comes is for the TLS
        transport.set_protocol(tls)
        begin = [self.call_soon(tls.connection_made, transport), self.call_soon(transport.resume_reading)]
        try:
            await waiter
        except BaseException:
            transport.close()
            for handle in begin:
                handle.cancel()
            raise
        return tls

    def _ensure_fd_no_transport(self, fd: Any) -> None:
        super()._ensure_fd_no_transport(fd)  # type: ignore[misc]
        transport = self._turns.transports.get(fd if isinstance(fd, int) else fd.fileno())
        if transport is not None and not transport.is_closing():
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")


class _Seat:
    """A transport at its server, which refers to it weakly: to nothing compiled can be."""

    __slots__ = ("__weakref__", "_server", "_transport")

    def __init__(self, server: Any, transport: SocketTransport) -> None:
        self._server, self._transport = server, transport
        server._attach(self)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def leave(self) -> None:
        self._server._detach(self)


def _seat(server: Any, transport: SocketTransport) -> Callable[[], None]:
    """Count ``transport`` at its server until what this gives is called."""
    if sys.version_info >= (3, 13):
        return _Seat(server, transport).leave
    server._attach()
    leave: Callable[[], None] = server._detach
    return leave


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop for a serving process on this platform."""
    loop: asyncio.AbstractEventLoop = EventLoop() if hasattr(select, "epoll") else asyncio.new_event_loop()
    return loop

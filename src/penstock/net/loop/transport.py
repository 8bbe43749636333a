"""A connected stream socket on the loop; an asyncio Transport in all but its bases, which nothing compiled may have.

Events come in by ``take``; bytes, the peer's end and the loss of the connection go to its protocol, whose methods are
called in the loop's own context. What they raise closes the connection.
"""

from __future__ import annotations

import socket
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from os import read, readv
from typing import TYPE_CHECKING, Any, ClassVar, Final

from penstock.net.loop.outgoing import IN, OUT, Outgoing

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns

READ_BYTES: Final = 16 * 1024
LARGE_BYTES: Final = 120 * 1024
"""Asked of the kernel at once: little, and where as much has come, much, so that a body comes in one piece. From 128
KiB on, malloc would map and unmap pages for each read (measured: 9 µs)."""
LARGE_READS: Final = 32
"""After so many smaller ones nothing large is awaited any more."""


class SocketTransport(Outgoing):
    """See the module. ``peer`` is the peer's address, where it is known; ``gone`` is called once, when all is over;
    ``_large``: so many reads more may be large."""

    __slots__ = ("_ended", "_large", "_paused", "_peer", "gone")

    _start_tls_compatible: ClassVar[bool] = True  # asyncio's start_tls asks for it

    def __init__(self, turns: Turns, sock: socket.socket, protocol: Any, peer: Any) -> None:
        super().__init__(turns, sock, protocol)
        self._peer = peer
        self.gone: Callable[[], None] | None = None
        self._paused = self._ended = False
        self._large = 0
        turns.transports[self._fd] = self

    def start(self, waiter: Any) -> None:
        """Tell the protocol, then read, then tell ``waiter``, a future."""
        try:
            self._protocol.connection_made(self)
        finally:
            self._read_on()
            if waiter is not None and not waiter.cancelled():
                waiter.set_result(None)

    # ---- events

    def take(self, events: int) -> None:
        """What epoll tells of the socket. An error or a hang-up is met by whoever reads or writes next."""
        try:
            if events & ~OUT and self._mask & IN:
                if self._paused:
                    self._watch(self._mask & ~IN)
                elif self._buffered:
                    self._read_into()
                else:
                    self._read()
            if events & ~IN and self._mask & OUT:
                self._send_on()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if not isinstance(error, OSError):
                self._report(error, "Fatal error in a protocol or its transport")
            self._force_close(error)

    def _read(self) -> None:
        try:
            data = read(self._fd, LARGE_BYTES if self._large else READ_BYTES)
        except BlockingIOError:
            return
        if len(data) >= READ_BYTES:
            self._large = LARGE_READS
        elif self._large:
            self._large -= 1
        if data:
            self._protocol.data_received(data)
        else:
            self._meet_end()

    def _read_into(self) -> None:
        buffer = self._protocol.get_buffer(-1)
        if not len(buffer):
            raise RuntimeError("get_buffer() returned an empty buffer")
        try:
            size = readv(self._fd, [buffer])
        except BlockingIOError:
            return
        if size:
            self._protocol.buffer_updated(size)
        else:
            self._meet_end()

    def _meet_end(self) -> None:
        """The peer sends no more; the protocol may want to."""
        self._ended = True
        if self._protocol.eof_received():
            self._watch(self._mask & ~IN)
        else:
            self.close()

    # ---- reading

    def is_reading(self) -> bool:
        """Whether what comes is read."""
        return not (self._paused or self._closing)

    def pause_reading(self) -> None:
        """Read no more. The socket is watched until something comes: mostly reading goes on before."""
        if not self._closing:
            self._paused = True

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused and not self._closing:
            self._paused = False
            self._read_on()

    def _read_on(self) -> None:
        if not (self._paused or self._closing or self._ended):
            try:
                self._watch(self._mask | IN)
            except OSError as error:
                self._force_close(error)

    # ---- ends

    def is_closing(self) -> bool:
        """Whether it was closed, from here or from there."""
        return self._closing

    def close(self) -> None:
        """Read no more, send what waits, and close."""
        if self._closing:
            return
        self._closing = True
        if self._waiting is None:
            self._lose(None)
        else:
            self._watch(self._mask & ~IN)

    def abort(self) -> None:
        """Close at once; what waits is forgotten."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        self._closing = True
        self._waiting = None
        self._unsent = 0
        self._lose(error)

    def _lose(self, error: BaseException | None) -> None:
        """Once: nothing goes in or out any more, and the protocol hears of it in the calls at the end of a turn."""
        if not self._lost:
            self._lost = True
            self._watch(0)
            self._turns.call_soon(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self.forsake()

    def forsake(self) -> None:
        """Close the socket and let go of everything."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._closing = self._lost = True
            del self._turns.transports[self._fd]
            sock.close()
            self._protocol = self._waiting = None
            gone, self.gone = self.gone, None
            if gone is not None:
                gone()

    # ---- what it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``socket``, ``sockname`` or ``peername``; ``default`` for all else, and when it is closed."""
        if name == "peername" and self._peer is not None:
            return self._peer
        sock = self._sock
        if sock is not None:
            try:
                if name == "socket":
                    return TransportSocket(sock)
                if name == "sockname":
                    return sock.getsockname()
                if name == "peername":
                    return sock.getpeername()
            except OSError:
                pass  # the peer has gone
        return default

    def __repr__(self) -> str:
        state = "closed" if self._sock is None else "closing" if self._closing else "open"
        return f"<SocketTransport {state} fd={self._fd} {self._unsent}B unsent{' paused' if self._paused else ''}>"

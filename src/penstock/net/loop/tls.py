"""TLS over a transport of the loop, or over another TLS: a protocol to what is below, a transport to its own protocol.

In asyncio's place, which has a buffer of 256 KiB a connection, lets malloc map pages at each read, raises an error for
each that finds no more, and reads ahead of who pauses. May fail: an SSLError goes to whoever waits for the handshake,
or closes the connection.
"""

from __future__ import annotations

import ssl
from asyncio import protocols
from typing import TYPE_CHECKING, Any, ClassVar, Final

from penstock.net.loop.tls_outgoing import CLOSING, ENDED, OPEN, RECORD_BYTES, SHAKING, TlsOutgoing

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns

HANDSHAKE_SECONDS: Final = 60.0
SHUTDOWN_SECONDS: Final = 30.0


class TlsTransport(TlsOutgoing):
    """See the module. ``waiter``, a future, and, if it ``tells``, the protocol hear of the handshake. ``_live``: it is
    done, and the protocol has not heard of the connection's loss. Closing: our close_notify is sent, or theirs came."""

    __slots__ = ("_live", "_paused", "_shutdown_seconds", "_tells", "_timer", "_waiter")

    _start_tls_compatible: ClassVar[bool] = True

    def __init__(
        self, turns: Turns, protocol: Any, context: ssl.SSLContext, waiter: Any, server_side: bool,
        server_hostname: str | None, handshake_seconds: float | None, shutdown_seconds: float | None, tells: bool,
    ) -> None:  # fmt: skip
        for seconds in (handshake_seconds, shutdown_seconds):
            if seconds is not None and seconds <= 0:
                raise ValueError(f"a timeout must be positive, not {seconds}")
        super().__init__(turns, protocol, context, server_side, server_hostname)
        self._waiter: Any = waiter
        self._tells = tells
        self._live = self._paused = False
        self._shutdown_seconds = SHUTDOWN_SECONDS if shutdown_seconds is None else shutdown_seconds
        within = HANDSHAKE_SECONDS if handshake_seconds is None else handshake_seconds
        self._timer: Any = turns.call_later(within, self._expire, f"no TLS handshake within {within:g} s")

    # ---- the protocol of what is below

    def connection_made(self, transport: Any) -> None:
        """It is connected: begin the handshake."""
        self._transport = transport
        self._shake()

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        self._incoming.write(data)
        if self._state == OPEN:
            self._take_in()
        elif self._state == SHAKING:
            self._shake()
        elif self._state == CLOSING:
            self._await_end()

    def eof_received(self) -> bool | None:
        """The peer has ended, with its close_notify or without: what is below closes."""
        if self._state == SHAKING:
            self._force_close(ConnectionResetError("the peer closed the connection in the TLS handshake"))
        elif self._state == OPEN:
            self._state = CLOSING
            self._protocol.eof_received()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        """What is below has ended."""
        self._state = ENDED
        self._stop_timer()
        self._backlog.clear()
        self._answer(error or ConnectionAbortedError("the connection was closed in the TLS handshake"))
        protocol, self._protocol = self._protocol, None
        self._transport = None
        if self._live:
            self._live = False
            protocol.connection_lost(error)

    def pause_writing(self) -> None:
        """Too much waits below."""
        if self._live:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """No more."""
        if self._live:
            self._protocol.resume_writing()

    # ---- handshake and end

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the peer
            self._force_close(error)
            return
        self._stop_timer()
        self._state = OPEN
        self._live = True
        self._flush()
        if self._tells:
            self._protocol.connection_made(self)
        self._answer(None)
        self._drain()
        if self._incoming.pending:
            self._take_in()

    def _answer(self, error: BaseException | None) -> None:
        """Tell whoever waits for the handshake."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _expire(self, what: str) -> None:
        self._force_close(ConnectionAbortedError(what))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def is_closing(self) -> bool:
        """Whether it was closed, from here or from there."""
        return self._state >= CLOSING or (self._transport is not None and self._transport.is_closing())

    def close(self) -> None:
        """Send what waits and our close_notify; what is below closes once the peer's has come, or after a while."""
        if self._state == SHAKING:
            self._force_close(None)
        if self._state != OPEN:
            return
        self._state = CLOSING
        within = self._shutdown_seconds
        self._timer = self._turns.call_later(
            within, self._expire, f"no answer to a TLS close_notify within {within:g} s"
        )
        self._transport.resume_reading()
        try:
            while self._incoming.pending and self._object.read(RECORD_BYTES):
                pass  # to what is behind our close_notify OpenSSL would object
        except ssl.SSLError:
            pass
        try:
            self._object.unwrap()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._force_close(error)
        else:
            self._flush()
            self._transport.close()

    def _await_end(self) -> None:
        """Read and drop until the peer's close_notify."""
        try:
            while self._object.read(RECORD_BYTES):
                pass
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            pass  # it is the answer to ours, or nothing that counts any more
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        self._answer(error or ConnectionAbortedError("the connection was closed in the TLS handshake"))
        if self._state != ENDED:
            self._state = CLOSING
            if self._transport is not None:
                self._transport._force_close(error)

    # ---- in

    def _take_in(self) -> None:
        """Decrypt what is here, and hand it on in one piece."""
        if self._paused:
            return
        data = b""
        more: list[bytes] | None = None
        ended = False
        try:
            while True:  # a read has the whole of one record
                got: bytes = self._object.read(RECORD_BYTES)
                if not got:
                    ended = True
                    break
                if not data:
                    data = got
                elif more is None:
                    more = [data, got]
                else:
                    more.append(got)
                if not self._incoming.pending:
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._flush()
            self._force_close(error)
            return
        self._flush()  # new keys, say
        if self._backlog:
            self._drain()
        if data:
            data = data if more is None else b"".join(more)
            if self._buffered:
                protocols._feed_data_to_buffered_proto(self._protocol, data)  # type: ignore[attr-defined]
            else:
                self._protocol.data_received(data)
        if ended and self._state == OPEN:
            self._protocol.eof_received()
            self.close()

    def is_reading(self) -> bool:
        """Whether what comes is read."""
        return not (self._paused or self.is_closing())

    def pause_reading(self) -> None:
        """Read no more."""
        if self._state < CLOSING:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused and self._state < CLOSING:
            self._paused = False
            self._transport.resume_reading()
            if self._incoming.pending:  # it came with the end of the handshake
                self._turns.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._state == OPEN:
            try:
                self._take_in()
            except Exception as error:
                self._force_close(error)
                raise

    def __repr__(self) -> str:
        return f"<TlsTransport {('shaking hands', 'open', 'closing', 'ended')[self._state]} over {self._transport!r}>"

"""The writing half of a TLS: bytes are encrypted as they are written, and what is below sends them, or lets them wait.

Its water marks are those of what is below, which also tells the protocol to pause. May fail: SSLError closes.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

from penstock.net.loop.base import Base, plain

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns

RECORD_BYTES: Final = 16 * 1024
"""The most that a record carries, and that is read or encrypted at once."""
SENT_BYTES: Final = 64 * 1024
"""Encrypted before it is handed down: more would be held twice."""
SHAKING: Final = 0
OPEN: Final = 1
CLOSING: Final = 2
ENDED: Final = 3


class TlsOutgoing(Base):
    """See the module. ``_transport`` is what is below, once it is connected; ``_backlog`` could not be encrypted yet:
    before the handshake, or because OpenSSL must read first."""

    __slots__ = ("_backlog", "_context", "_incoming", "_object", "_outgoing", "_state", "_transport")

    def __init__(
        self, turns: Turns, protocol: Any, context: ssl.SSLContext, server_side: bool, server_hostname: str | None
    ) -> None:
        super().__init__(turns, protocol)
        self._context = context
        self._incoming: Any = ssl.MemoryBIO()
        self._outgoing: Any = ssl.MemoryBIO()
        name = None if server_side else server_hostname
        self._object: Any = context.wrap_bio(self._incoming, self._outgoing, server_side, name)
        self._transport: Any = None
        self._backlog: list[Any] = []
        self._state = SHAKING

    def write(self, data: Any) -> None:
        """Encrypt and send."""
        data = plain(data)
        if self._state >= CLOSING or not data:
            return
        if self._state == SHAKING or self._backlog:
            self._backlog.append(data)
        else:
            self._encrypt(data)

    def writelines(self, pieces: Any) -> None:
        """``write`` of them all, one after another; in one record where they fit."""
        pieces = list(pieces)
        if sum(map(len, pieces)) <= RECORD_BYTES:
            self.write(b"".join(pieces))
        else:
            for piece in pieces:
                self.write(piece)

    def _encrypt(self, data: Any) -> None:
        try:
            while True:
                sent: int = self._object.write(data)  # a record at most
                if sent == len(data):
                    break
                data = memoryview(data)[sent:]
                if self._outgoing.pending >= SENT_BYTES:
                    self._flush()
        except ssl.SSLWantReadError:
            self._backlog.insert(0, data)
        except ssl.SSLError as error:
            self._force_close(error)
            return
        self._flush()

    def _drain(self) -> None:
        """Try what could not be encrypted once more."""
        while self._backlog and self._state == OPEN:
            waiting = len(self._backlog)
            self._encrypt(self._backlog.pop(0))
            if len(self._backlog) == waiting:
                return

    def _flush(self) -> None:
        """Hand down what is encrypted."""
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    # ---- flow

    def get_write_buffer_size(self) -> int:
        """Bytes that wait: encrypted, below, and not yet encrypted."""
        below: int = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return below + sum(map(len, self._backlog))

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Those of what is below."""
        limits: tuple[int, int] = self._transport.get_write_buffer_limits()
        return limits

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Those of what is below."""
        self._transport.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """No: TLS ends both sides."""
        return False

    def write_eof(self) -> None:
        """Cannot be."""
        raise NotImplementedError("a TLS connection cannot end one side")

    # ---- what it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``sslcontext``, ``ssl_object``, ``peercert``, ``cipher``, ``compression``, and what is known below."""
        if name == "sslcontext":
            return self._context
        if name == "ssl_object":
            return self._object
        if name == "peercert":
            return default if self._state == SHAKING else self._object.getpeercert()
        if name == "cipher":
            return self._object.cipher()
        if name == "compression":
            return self._object.compression()
        return default if self._transport is None else self._transport.get_extra_info(name, default)

"""The writing half of a transport: what the kernel does not take at once waits, and who writes is told to pause.

Bytes leave in the order in which they were written. May fail: OSError of the socket closes the transport.
"""

from __future__ import annotations

import socket
from collections import deque
from itertools import islice
from os import write, writev
from typing import TYPE_CHECKING, Any, Final

from penstock.net.loop.base import Base, plain

if TYPE_CHECKING:
    from penstock.net.loop.turns import Turns

IN: Final = 1
OUT: Final = 4
"""``select.EPOLLIN`` and ``EPOLLOUT``, which macOS has not."""
HIGH_WATER: Final = 64 * 1024
JOINED_BYTES: Final = 16 * 1024
"""Pieces of so much together are joined: copying it is cheaper than a vector of them."""
MOST_PIECES: Final = 256
"""Written at once. The kernel takes up to 1,024."""


class Outgoing(Base):
    """See the module. ``_waiting`` are ``_unsent`` bytes, None if there are none; ``_mask``: the events that the socket
    waits for; ``_held``: the protocol was told to pause; ``_lost``: nothing goes in or out any more."""

    __slots__ = ("_closing", "_eof", "_fd", "_held", "_high", "_lost", "_low", "_mask", "_sock",
                 "_unsent", "_waiting")  # fmt: skip

    def __init__(self, turns: Turns, sock: socket.socket, protocol: Any) -> None:
        super().__init__(turns, protocol)
        self._sock: socket.socket | None = sock
        self._fd = sock.fileno()
        self._mask = 0
        self._waiting: deque[Any] | None = None
        self._unsent = 0
        self._low, self._high = HIGH_WATER // 4, HIGH_WATER
        self._closing = self._eof = self._held = self._lost = False

    def write(self, data: Any) -> None:
        """Send ``data`` now as far as the kernel takes it, and the rest when it can."""
        data = plain(data)
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._lost or not data:
            return
        sent = 0
        if self._waiting is None:
            try:
                sent = write(self._fd, data)
            except BlockingIOError:
                pass
            except OSError as error:
                self._force_close(error)
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._watch(self._mask | OUT)
        self._keep(data)
        self._hold()

    def writelines(self, pieces: Any) -> None:
        """``write`` of them all, one after another, in one go."""
        pieces = list(pieces)
        size = sum(map(len, pieces))
        if size <= JOINED_BYTES or self._lost or self._eof:
            self.write(b"".join(pieces))
            return
        began = self._waiting is not None
        for piece in pieces:
            if piece:
                self._keep(plain(piece))
        if not began:
            try:
                self._send_on()
            except OSError as error:
                self._force_close(error)
                return
        self._hold()

    def _keep(self, data: Any) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(data)
        self._unsent += len(data)

    def _send_on(self) -> None:
        """Send what waits as far as the kernel takes it. May raise OSError."""
        waiting = self._waiting
        if waiting is None:
            return
        try:
            sent: int = write(self._fd, waiting[0]) if len(waiting) == 1 else writev(self._fd, _first(waiting))
        except BlockingIOError:
            sent = 0
        self._unsent -= sent
        if self._unsent:
            while sent:
                piece = waiting.popleft()
                if len(piece) > sent:
                    waiting.appendleft(memoryview(piece)[sent:])
                    break
                sent -= len(piece)
            self._watch(self._mask | OUT)
        else:
            self._waiting = None
        if self._held and self._unsent <= self._low:
            self._held = False
            self._tell("resume_writing")
        if self._waiting is None and not self._lost:
            self._watch(self._mask & ~OUT)
            if self._closing:
                self._lose(None)
            elif self._eof:
                self._shut()

    # ---- flow

    def _hold(self) -> None:
        """Tell the protocol to pause, if too much waits."""
        if self._unsent > self._high and not self._held:
            self._held = True
            self._tell("pause_writing")

    def _tell(self, name: str) -> None:
        """Call a method of the protocol that has no answer."""
        try:
            getattr(self._protocol, name)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, f"protocol.{name}() failed")

    def get_write_buffer_size(self) -> int:
        """Bytes that wait."""
        return self._unsent

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Below which the protocol is told to go on, and above which to pause."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's: one that is missing follows from the other."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._hold()

    # ---- our end

    def can_write_eof(self) -> bool:
        """Yes."""
        return True

    def write_eof(self) -> None:
        """End our side, once all that waits is sent."""
        if self._closing or self._eof:
            return
        self._eof = True
        if self._waiting is None:
            self._shut()

    def _shut(self) -> None:
        assert self._sock is not None
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer has gone
            self._force_close(error)

    # ---- of the transport

    def _watch(self, mask: int) -> None:
        """Wait for these events from now on. May raise OSError: the kernel watches no more."""
        old = self._mask
        if mask != old:
            self._turns.watch(self._fd, old, mask)
            self._mask = mask

    def _report(self, error: BaseException, message: str) -> None:
        self._turns.tell({"message": message, "exception": error, "transport": self, "protocol": self._protocol})

    def _lose(self, error: BaseException | None) -> None:
        raise NotImplementedError


def _first(waiting: deque[Any]) -> list[Any]:
    return list(islice(waiting, MOST_PIECES))

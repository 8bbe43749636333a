"""What is written during one turn of the loop leaves together at its end.

A write to a socket wakes whoever sleeps on the other side, and the wake-up costs more than the write. While one turn
serves many sockets of few peers, only the first write of the batch pays for it (measured: a quarter of the CPU time of
a busy proxy). It also joins the writes to one socket into one.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from penstock.net.tcp_info import round_trip, unacknowledged, unread

FEW: Final = 2
"""With this many busy connections or fewer there is no batch to wait for: they write at once, which is quicker."""


class Owner(Protocol):
    """What has connections, and knows how many of them are ``busy``."""

    outbox: Outbox

    @property
    def busy(self) -> int: ...


class BatchedProtocol(asyncio.Protocol):
    """The writing half of a connection. ``put`` sends in order; ``drop`` closes at once and forgets what waits.
    ``_reading``: whether more may be taken in."""

    __slots__ = ("_more", "_out", "_owner", "_reading", "_transport")

    _transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._out = b""  # and no list: mostly one thing is written a turn, to sockets whose objects are cold
        self._more: list[bytes] | None = None
        self._reading = True

    def give_way(self) -> None:
        """What came last was much work: take in no more before the other connections have had their turn."""
        if not self._transport.is_closing():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        transport = self._transport
        if self._reading and not transport.is_closing() and transport.get_protocol() is self:
            transport.resume_reading()

    def put(self, data: bytes) -> None:
        """Send ``data`` by the end of this turn of the loop."""
        if not self._out:
            outbox = self._owner.outbox
            if outbox.waiting:
                outbox.waiting.append(self)
            elif self._owner.busy > FEW:
                outbox.begin(self)
            else:
                self._transport.write(data)
                return
            self._out = data
        elif self._more is None:
            self._more = [data]
        else:
            self._more.append(data)

    def flush(self) -> None:
        """Hand to the transport what was put in this turn of the loop."""
        out, more = self._out, self._more
        if out:
            self._out = b""
            if more is None:
                self._transport.write(out)
            else:
                self._more = None
                self._transport.writelines([out, *more])

    def drop(self) -> None:
        """Close at once."""
        self._forget_out()
        self._transport.abort()

    def _forget_out(self) -> None:
        self._out = b""
        self._more = None

    def unsent(self) -> int:
        """Bytes waiting in this process for the peer to read."""
        return self._transport.get_write_buffer_size() + len(self._out) + sum(map(len, self._more or ()))

    def waiting(self) -> int:
        """Bytes waiting for the peer to read: in this process, and in the kernel's buffer."""
        return self.unsent() + unacknowledged(self._transport.get_extra_info("socket"))

    def unread(self) -> int:
        """Bytes that the peer has sent and that were not taken from the kernel yet."""
        return unread(self._transport.get_extra_info("socket"))

    def round_trip(self) -> float | None:
        """Seconds to the peer and back; None where the kernel does not say."""
        return round_trip(self._transport.get_extra_info("socket"))


class Outbox:
    """The connections of one loop that have written since its last turn."""

    __slots__ = ("_loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.waiting: list[BatchedProtocol] = []

    def begin(self, connection: BatchedProtocol) -> None:
        """The first that writes in this turn of the loop. At its end ``flush`` of all that are waiting is called."""
        self._loop.call_soon(self._flush)
        self.waiting.append(connection)

    def _flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            connection.flush()

    def __repr__(self) -> str:
        return f"<Outbox {len(self.waiting)} waiting>"

"""A connection that has left HTTP behind (101): whatever comes in is pushed, whatever is pushed goes out.

A Source of its peer's bytes and a Sink for what the peer is sent, on the caller's side and on the upstream's alike.
Nothing is read before ``start``. Never fails: a peer that is gone is an ``end``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from penstock.core.reply import Sink, Void
from penstock.net.outbox import BatchedProtocol, Owner


class Paced(Protocol):
    """What is told whether the peer keeps up with what it is sent."""

    def hold(self) -> None:
        """It reads too slowly: push nothing until ``release``."""

    def release(self) -> None: ...


class Upgraded(BatchedProtocol):
    """See the module. ``early``: bytes that came behind the head; ``gone()`` is called once, when the socket is closed.

    ``paced`` may be set before ``start``.
    """

    __slots__ = ("_early", "_gone", "_pushing", "_sink", "closed", "paced", "paused", "writable")

    def __init__(self, owner: Owner, transport: asyncio.Transport, early: bytes, gone: Callable[[], None]) -> None:
        super().__init__(owner)
        self._transport = transport
        self._early = early
        self._gone = gone
        self._sink: Sink | None = None
        self.paced: Paced | None = None
        self.closed = self.paused = self._pushing = False
        self.writable = True
        transport.pause_reading()
        transport.set_protocol(self)

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        """Push what comes in to ``sink``, until the peer is gone."""
        if self._sink is None:
            self._sink = sink
            self._read_on()

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self._read_on()

    def _read_on(self) -> None:
        if self._sink is None or self._pushing:
            return
        while self._early and not self.paused:
            early, self._early = self._early, b""
            self._pushing = True
            self._sink.push(early)
            self._pushing = False
        if self.paused:
            return
        if self.closed:
            self._end()
        else:
            self._transport.resume_reading()

    def cancel(self, reason: str) -> None:
        """Close at once; nobody is told."""
        self._sink, self.paced = Void(), None
        self._early = b""
        self.drop()

    # ---- to the peer

    def push(self, data: bytes) -> None:
        """Send ``data``; nothing happens when the peer is gone."""
        if data and not self._transport.is_closing():
            self.put(data)

    def close(self) -> None:
        """Close in order, once all is sent."""
        self.flush()
        self._transport.close()

    # ---- transport

    def data_received(self, data: bytes) -> None:
        if self._sink is None or self.paused:
            self._early += data  # of a read that was under way
        else:
            self._sink.push(data)

    def pause_writing(self) -> None:
        self.writable = False
        if self.paced is not None:
            self.paced.hold()

    def resume_writing(self) -> None:
        self.writable = True
        if self.paced is not None:
            self.paced.release()

    def eof_received(self) -> bool | None:
        return None  # nothing more can come: the transport closes

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._forget_out()
        self._gone()
        if self._sink is not None and not self._early:
            self._end()

    def _end(self) -> None:
        sink, self._sink, self.paced = self._sink, Void(), None
        if sink is not None:
            sink.end(None)

    def __repr__(self) -> str:
        return f"<Upgraded {'closed' if self.closed else 'held' if self.paused else 'open'}>"

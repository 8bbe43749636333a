"""The body of a request while it arrives: read whole (bounded), or streamed on unread as a Source.

Chunks enter from the connection; they leave through ``read`` or to a sink. Until somebody asks, at most
``EARLY_BYTES`` are taken from the socket. May fail: 413 (too large), 408 (stalled), 400 (cut short).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Final, Protocol

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.reply import Sink, Void

EARLY_BYTES: Final = 256 * 1024
"""How much of a body is taken in before any room asked for it: one read of the socket."""
SMALL_BYTES: Final = 512
JOINED_BYTES: Final = 4096
"""Smaller chunks are joined until they are that many: an object for each two bytes would take thirty times as much."""


class Intake(Protocol):
    """What a body needs of its connection."""

    def hold_reading(self) -> None: ...

    def want_body(self) -> None: ...


class Body:
    """See the module. One reader: either ``read`` or ``start``, once."""

    __slots__ = (
        "_connection",
        "_error",
        "_flushing",
        "_limit",
        "_parts",
        "_paused",
        "_sink",
        "_size",
        "_take",
        "_waiter",
        "_whole",
        "ended",
        "length",
    )

    def __init__(self, connection: Intake, length: int | None) -> None:
        self._connection = connection
        self.length = length
        self.ended = False
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = EARLY_BYTES
        self._take: Callable[[int], bool] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._whole: BytesIO | None = None  # what was read, in one piece: pieces would leave holes where they were
        self._sink: Sink | None = None
        self._paused = False
        self._flushing = False
        self._error: Fail | None = None

    @property
    def complete(self) -> bytes | None:
        """The whole body when it is here already."""
        if not self.ended or self._error is not None:
            return None
        parts = self._parts
        if self._whole is not None:
            self._parts = parts = [self._whole.getvalue()]  # the buffer itself, not a copy of it
            self._whole = None
        elif len(parts) > 1:
            self._parts = parts = [b"".join(parts)]
        return parts[0] if parts else b""

    @property
    def early(self) -> bytes:
        """What has arrived so far and was not handed on."""
        return b"".join(self._parts)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for bytes to arrive (a stalled caller is then closed at its deadline)."""
        if self.ended or self._error is not None:
            return False
        return self._waiter is not None or (self._sink is not None and not self._paused)

    async def read(self, limit: int, take: Callable[[int], bool] | None = None) -> bytes:
        """The whole body, at most ``limit`` bytes. ``take`` is asked for each chunk that arrives; False ends it."""
        if (self.length or 0) > limit or self._size > limit:
            raise too_large(limit)
        whole = self.complete
        if whole is not None:
            return whole
        self._limit = limit
        self._take = take
        if take is not None and not take(self._size):
            raise no_room()
        if self._error is None and not self.ended:
            whole_so_far = self._whole = BytesIO()
            for part in self._parts:
                whole_so_far.write(part)
            self._parts.clear()
            self._waiter = asyncio.get_running_loop().create_future()
            self._connection.want_body()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None:
            raise self._error
        return self.complete or b""

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._flush()

    def pause(self) -> None:
        self._paused = True
        if not self.ended:
            self._connection.hold_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._flush()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._parts.clear()

    def _flush(self) -> None:
        """Hand on what is held, then the end or the wish for more, as far as the sink takes it."""
        if self._sink is None or self._flushing:
            return
        self._flushing = True
        while self._parts and not self._paused:
            self._sink.push(self._parts.pop(0))
        self._flushing = False
        if self._paused:
            return
        if self.ended or self._error is not None:
            sink, self._sink = self._sink, Void()
            sink.end(self._error)
        else:
            self._connection.want_body()

    # ---- from the connection

    def fill(self, whole: bytes) -> None:
        """All of it is here, and nobody has asked for it yet."""
        if whole:
            self._parts.append(whole)
            self._size = len(whole)
        self.ended = True

    def feed(self, chunk: bytes) -> None:
        if self._error is not None:
            return
        parts = self._parts
        if self._whole is not None:
            self._whole.write(chunk)
        elif parts and len(chunk) < SMALL_BYTES and len(parts[-1]) < JOINED_BYTES:
            parts[-1] += chunk
        else:
            parts.append(chunk)
        if self._sink is not None:
            self._flush()
            return
        self._size += len(chunk)
        if self._take is not None and not self._take(len(chunk)):
            self.fail(no_room())
        elif self._size > self._limit:
            if self._waiter is None:
                self._connection.hold_reading()
            else:
                self.fail(too_large(self._limit))

    def finish(self) -> None:
        self.ended = True
        self._flush()
        self._wake()

    def fail(self, error: Fail) -> None:
        """The rest will not come, or is not wanted."""
        if self.ended or self._error is not None:
            return
        self._error = error
        self._whole = None
        if self._sink is None:
            self._parts.clear()
        self._flush()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __repr__(self) -> str:
        state = "ended" if self.ended else "failed" if self._error else "arriving"
        return f"<Body {state} {self._size}B of {self.length}>"


def no_room() -> GatewayError:
    """503: the gateway holds as many bytes as it may."""
    return GatewayError(
        "the gateway holds as many bytes of requests as it may; try again shortly",
        code="gateway_overloaded",
        retry_after=1,
    )


def too_large(limit: int) -> CallerError:
    """413 that names the limit."""
    return CallerError(
        f"the body is larger than the limit of {limit} bytes (listen.max_body)", status=413, code="body_too_large"
    )

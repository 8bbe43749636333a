"""A file as a Source: read piece by piece in threads, as fast as whoever takes it.

Enters: a path, and bytes before and after it. Leaves: frames. May fail: GatewayError where the disk does, after which
the answer is cut.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from penstock.core.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.core.reply import Sink

PIECE_BYTES = 256 * 1024


class DiskSource:
    """See the module. It is a RequestBody, too: for what is sent on to an upstream."""

    def __init__(self, path: str, head: bytes = b"", tail: bytes = b"") -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._head = head
        self._tail = tail
        self._sink: Sink | None = None
        self._paused = False
        self._reading = False
        self._state = "new"
        self._piece = b""
        self.length: int | None = os.fstat(self._file).st_size + len(head) + len(tail)

    complete: bytes | None = None
    early = b""

    async def read(self, limit: int, take: Callable[[int], bool] | None = None) -> bytes:
        """Nobody reads it whole."""
        raise AssertionError("a file is streamed")

    def start(self, sink: Sink) -> None:
        if self._state == "new":
            self._state = "open"
            self._sink = sink
            self._piece, self._head = self._head, b""
            self._go_on()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._state != "new":
            self._go_on()

    def cancel(self, reason: str) -> None:
        self._close("done")
        self._piece = b""

    def _go_on(self) -> None:
        if self._paused or self._reading or self._state == "done":
            return
        self._reading = True
        if self._piece:
            piece, self._piece = self._piece, b""
            assert self._sink is not None
            self._sink.push(piece)
            if self._halted():
                return
        if self._state == "last":
            self._reading = False
            self._close("done")
            assert self._sink is not None
            self._sink.end(None)
            return
        self._begin_read()

    def _begin_read(self) -> None:
        """Have the next piece read, which ``_came`` gets."""
        reading = asyncio.get_running_loop().run_in_executor(None, os.read, self._file, PIECE_BYTES)
        reading.add_done_callback(self._read)

    def _halted(self) -> bool:
        """Whether whoever took the last piece wants no more, or none for now."""
        if not self._paused and self._state != "done":
            return False
        self._reading = False
        if self._state == "done":
            self._close("done")
        return True

    def _read(self, reading: asyncio.Future[bytes]) -> None:
        if reading.cancelled():
            self._came(None)
        else:
            self._came(None if reading.exception() is not None else reading.result())

    def _came(self, piece: bytes | None) -> None:
        """The next piece, nothing at the end, None where it could not be read."""
        self._reading = False
        if self._state == "done":
            self._close("done")
            return
        if piece is None:
            self._close("done")
            assert self._sink is not None
            self._sink.end(GatewayError("a file that is kept cannot be read", code="storage_failed"))
            return
        self._piece = piece
        if not piece:
            self._piece, self._state = self._tail, "last"
        self._go_on()

    def _close(self, state: str) -> None:
        self._state = state
        if self._file >= 0 and not self._reading:  # a thread may be reading from it
            os.close(self._file)
            self._file = -1

    def __repr__(self) -> str:
        return f"<DiskSource {self._state} of {self.length}B>"

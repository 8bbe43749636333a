"""A request body streamed to an upstream: the sink that frames it, chunked or as announced."""

from __future__ import annotations

from typing import Protocol

from penstock.core.errors import Fail
from penstock.core.reply import Source


class Uplink(Protocol):
    """What an upload needs of its connection."""

    def upload(self, data: bytes) -> None: ...

    def uploaded(self, error: Fail | None) -> None: ...


class Upload:
    """A Sink. ``source`` is paused by the connection when the upstream reads too slowly."""

    __slots__ = ("_chunked", "_connection", "source")

    def __init__(self, connection: Uplink, source: Source, *, chunked: bool) -> None:
        self._connection = connection
        self._chunked = chunked
        self.source = source

    def push(self, frame: bytes) -> None:
        if self._chunked:
            frame = b"%x\r\n%b\r\n" % (len(frame), frame)
        self._connection.upload(frame)

    def end(self, error: Fail | None) -> None:
        if self._chunked and error is None:
            self._connection.upload(b"0\r\n\r\n")
        self._connection.uploaded(error)

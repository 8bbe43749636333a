"""A request body streamed to an upstream: a sink that frames it, chunked or as announced, and its connection."""

from __future__ import annotations

from typing import Any, Protocol

from penstock.core.errors import Fail
from penstock.core.reply import Source
from penstock.net.outbox import BatchedProtocol


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


class Uploading(BatchedProtocol):
    """A connection that can stream a request's body. ``due`` moves on with each part of it."""

    __slots__ = ("_idle_timeout", "_origin", "_sent", "_upload", "closed", "due")

    _origin: Any  # has ``now``
    _idle_timeout: float
    _sent: int
    _upload: Upload | None
    closed: bool
    due: float

    def upload(self, data: bytes) -> None:
        """More of the body."""
        self._sent += len(data)
        if not self.closed:
            self.put(data)
            self.due = max(self.due, self._origin.now() + self._idle_timeout)

    def uploaded(self, error: Fail | None) -> None:
        """The body has ended."""
        self._upload = None
        if error is not None:
            self.fail(error)

    def pause_writing(self) -> None:
        if self._upload is not None:
            self._upload.source.pause()

    def resume_writing(self) -> None:
        if self._upload is not None:
            self._upload.source.resume()

    def fail(self, error: Fail) -> None:
        raise NotImplementedError

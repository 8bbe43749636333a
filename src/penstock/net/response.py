"""The answer of an upstream: its head, and its body as a Source. Fed by the connection that reads it.

It outlives its use of the connection: once the body is whole, the connection is free, whoever reads how slowly.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from penstock.core.call import Headers
from penstock.core.errors import Fail
from penstock.core.lane import Lane
from penstock.core.reply import Sink, Void
from penstock.net.upgraded import Upgraded

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 256
HELD_BYTES: Final = 256 * 1024
"""Body bytes taken in before anybody started the response."""


class Reading(Protocol):
    """What a response needs of its connection."""

    lane: Lane | None

    def hold_reading(self) -> None: ...

    def read_on(self) -> None: ...

    def abort(self) -> None: ...


class ResponseHead:
    """Status and fields of an answer, without its date and length.

    An upstream that repeats them gets the same object again: nobody writes to it but to ``memo``, which keeps what
    was derived from it. Raises ValueError for one that is too large, or a transfer coding other than chunked.
    """

    __slots__ = ("chunked", "headers", "memo", "status")

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        if len(headers) > MAX_FIELDS:
            raise ValueError(f"over {MAX_FIELDS} header fields")
        if sum([len(name) + len(value) for name, value in headers]) > MAX_HEAD_BYTES:
            raise ValueError(f"a head of over {MAX_HEAD_BYTES} bytes")
        codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
        if codings and codings != [b"chunked"]:
            raise ValueError("a transfer coding that was not asked for")
        self.chunked = bool(codings)
        self.memo: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<ResponseHead {self.status} {len(self.headers)} fields>"


class Response:
    """Head and body of an answer. ``body`` is the whole body once ``ended`` before anybody started it."""

    __slots__ = (
        "_connection",
        "_error",
        "_flushing",
        "_parts",
        "_paused",
        "_sink",
        "_size",
        "ended",
        "head",
        "length",
    )

    def __init__(self, connection: Reading | None, head: ResponseHead, length: int | None) -> None:
        self._connection = connection
        self.head = head
        self.length = length
        self.ended = False
        self._error: Fail | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None
        self._paused = False
        self._flushing = False

    @classmethod
    def whole(cls, head: ResponseHead, body: bytes) -> Response:
        """One that has arrived as a whole, and is to be finished."""
        made = cls(None, head, len(body))
        if body:
            made._parts.append(body)
            made._size = len(body)
        return made

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.head.status

    @property
    def headers(self) -> Headers:
        """The fields as received."""
        return self.head.headers

    @property
    def body(self) -> bytes:
        """What has arrived and was not pushed; the whole body if ``ended``."""
        parts = self._parts
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def failed(self) -> bool:
        return self._error is not None

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._flush()
            if self._connection is not None and not self._paused:
                self._connection.read_on()  # held while nobody had started it

    def pause(self) -> None:
        self._paused = True
        if self._connection is not None:
            self._connection.hold_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._flush()
            if self._connection is not None and not self._paused:
                self._connection.read_on()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._parts.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def take_lane(self, lane: Lane) -> None:
        """What comes from now on may take it."""
        if self._connection is not None and self.head.chunked:
            self._connection.lane = lane

    def _flush(self) -> None:
        sink = self._sink
        if sink is None or self._paused or self._flushing:
            return
        if self._parts:
            frame = self.body
            self._parts = []
            self._size = 0
            self._flushing = True
            sink.push(frame)
            self._flushing = False
        if self.ended and not self._held():
            self._sink = Void()
            sink.end(self._error)

    def _held(self) -> bool:
        """Whether the sink paused us, or cancelled, while it took a frame."""
        return self._paused or isinstance(self._sink, Void)

    # ---- from the connection

    def deliver(self, parts: list[bytes]) -> None:
        """Body bytes of one read of the socket."""
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._sink is None or self._paused:
            self._parts.append(whole)
            self._size += len(whole)
            if self._size > HELD_BYTES and self._connection is not None:
                self._connection.hold_reading()
        else:
            self._sink.push(whole)

    def finish(self, error: Fail | None) -> None:
        """The body is whole, or will not become so."""
        if not self.ended:
            self.ended = True
            self._error = error
            self._connection = None
            if self._sink is not None:
                self._flush()

    def __repr__(self) -> str:
        return f"<Response {self.status} {'ended' if self.ended else 'arriving'} {self._size}B held>"


class Switched(Response):
    """A 101: what was the connection goes on as ``upgraded``, which belongs to whoever takes it from here."""

    __slots__ = ("upgraded",)

    def __init__(self, head: ResponseHead, upgraded: Upgraded) -> None:
        super().__init__(None, head, 0)
        self.upgraded = upgraded

    def cancel(self, reason: str) -> None:
        self.upgraded.cancel(reason)

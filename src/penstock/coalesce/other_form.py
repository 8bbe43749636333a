"""The answer of a flight for those readers who asked the other way: whole of a stream, a stream of what came whole.

Enters: the flight's frames, some at a time. Leaves: once they are all here, the Reply for each such reader. May fail:
``OtherForm.reply`` gives None for an answer that cannot be told the other way; then its readers ask for themselves.
"""

from __future__ import annotations

from penstock.coalesce.hold import Hold
from penstock.core.call import Headers
from penstock.core.errors import Fail, GatewayError, UpstreamError
from penstock.core.reply import Reply, Whole
from penstock.wire.collected import MOST_BYTES
from penstock.wire.openai_chat import strip_usage_chunk
from penstock.wire.shared_answer import as_events, collecting

SLICE_FRAMES = 64
"""Taken at a time: reading an event costs some microseconds, and everybody else waits."""

_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


class OtherForm:
    """See the module. ``events`` tells which of the two the flight's own answer is; ``position`` counts frames."""

    __slots__ = ("_blob", "_events", "_fail", "_headers", "_hold", "_operation", "_parts", "_plain", "_size", "_unfit",
                 "_whole", "done", "position")  # fmt: skip

    def __init__(self, reply: Reply, operation: str, hold: Hold) -> None:
        self._events = reply.events
        self._operation = operation
        self._hold = hold
        self._headers: Headers = [field for field in reply.headers if field[0] != b"content-type"]
        self._headers.append(_JSON if reply.events else _EVENTS)
        self._whole = collecting(operation)
        self._parts: list[bytes] = []
        self._blob: bytes | None = None
        self._plain: bytes | None = None
        self._fail: Fail | None = None
        self._unfit = False
        self._size = 0
        self.position = 0
        self.done = False

    def take(self, frame: bytes) -> None:
        """One more frame."""
        self.position += 1
        if self._unfit or self._fail is not None:
            return
        self._size += len(frame)
        if self._size > self._hold.size and not self._hold.grow(self._size, MOST_BYTES):
            self._fail = GatewayError(
                "the gateway holds as many bytes of shared answers as it may (coalesce.total, memory.buffers)",
                code="gateway_overloaded", retry_after=1,
            )  # fmt: skip
            return
        try:
            if self._events:
                self._whole.add(frame)
            else:
                self._parts.append(frame)
        except UpstreamError:
            self._unfit = True

    def end(self, error: Fail | None) -> None:
        """All frames are here, and the flight ended so."""
        self.done = True
        self._fail = error or self._fail
        if self._fail is None and not self._unfit:
            try:
                if self._events:
                    self._blob = self._whole.body()
                else:
                    self._blob = as_events(self._operation, b"".join(self._parts))
            except UpstreamError:
                self._unfit = True
        self._parts.clear()
        self._whole.clear()

    def reply(self, *, usage_wanted: bool) -> Reply | None:
        """The answer for one reader. Raises Fail where the flight, or gathering it, failed."""
        if self._fail is not None:
            raise self._fail
        if self._blob is None:
            return None
        if self._events:
            return Reply(200, self._headers, self._blob)
        return Reply(200, self._headers, Whole(self._blob if usage_wanted else self._without_usage()), events=True)

    def _without_usage(self) -> bytes:
        if self._plain is None:
            assert self._blob is not None
            strips = self._operation in ("chat", "completions")
            self._plain = strip_usage_chunk(self._blob) if strips else self._blob
        return self._plain

    def drop(self) -> None:
        """Forget it."""
        self._hold.drop()
        self._parts.clear()
        self._whole.clear()
        self._blob = self._plain = None

    def __repr__(self) -> str:
        return f"<OtherForm of {self.position} frames{' done' if self.done else ''}>"

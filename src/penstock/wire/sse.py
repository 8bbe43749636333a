"""Server-sent events (WHATWG HTML, 9.2): cutting a byte stream at event boundaries, reading events, writing them.

Enters: bytes as they arrive. Leaves: whole events, no byte changed; or parsed Events. Lines may end in LF, CR or CRLF,
mixed, and a chunk may end anywhere. May fail: UpstreamError when one event grows past its bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from penstock.core.errors import UpstreamError

DONE: Final = b"data: [DONE]\n\n"
"""What ends a stream in OpenAI's dialect."""

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment: every parser skips it, every proxy sees traffic."""

KEEP_ALIVE_NUMBERED: Final = b": keep-alive\n"
"""The same for a stream whose events have ids. There its empty line would end an event: a parser that remembers the
last id (that of the OpenAI client for Python) makes one of it, without data."""

BOM: Final = b"\xef\xbb\xbf"

# The first line end is atomic: a CRLF is never taken for a CR and an empty line.
_BOUNDARY: Final = re.compile(rb"(?>\r\n|\n|\r)(?:\r\n|\n|\r)")
_LONGEST_BOUNDARY: Final = 4


class EventSplitter:
    """Holds back the event that has begun but not ended."""

    __slots__ = ("_carried", "max_event_bytes")

    def __init__(self, max_event_bytes: int = 1 << 20) -> None:
        self.max_event_bytes = max_event_bytes
        self._carried = bytearray()  # of one piece: an event may come byte by byte

    def feed(self, data: bytes) -> bytes:
        """The events that are whole now, or b"". Raises UpstreamError when more than the bound is held back."""
        carried = self._carried
        if not carried and data.endswith((b"\n\n", b"\r\n\r\n")):
            return data
        # An event that ends in CR is given away at once. The LF that may follow is given away when it comes: where
        # nothing is held back it is the rest of that line end, or an empty line, and neither begins an event.
        tail = bytes(carried[1 - _LONGEST_BOUNDARY :])
        cut = _last_boundary(tail + data if tail else data) - len(tail)
        if cut <= 0:
            cut = 1 if not carried and data.startswith(b"\n") else 0
        whole = data if cut == len(data) else data[:cut]
        if cut and carried:
            whole = b"".join((carried, whole))
            carried.clear()
        if cut < len(data):
            carried += data[cut:]
            if len(carried) > self.max_event_bytes:
                raise UpstreamError(
                    f"an event of the stream is longer than {self.max_event_bytes} bytes",
                    code="upstream_event_too_large",
                    phase="body",
                )
        return whole

    @property
    def empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._carried

    @property
    def rest(self) -> bytes:
        """What is held back."""
        return bytes(self._carried)

    def __repr__(self) -> str:
        return f"<EventSplitter holds {len(self._carried)} of {self.max_event_bytes} bytes>"


def _last_boundary(data: bytes) -> int:
    """The position after the last event boundary in ``data``; 0 without one."""
    if data.find(b"\r") < 0:  # not ``in``, which makes and drops an exception for bytes: half as dear again
        at = data.rfind(b"\n\n")
        return at + 2 if at >= 0 else 0
    end = 0
    for boundary in _BOUNDARY.finditer(data):
        end = boundary.end()
    return end


def split(frame: bytes) -> Iterator[bytes]:
    """The raw events of a frame, each with its boundary; what follows the last boundary comes last."""
    at = 0
    for boundary in _BOUNDARY.finditer(frame):
        yield frame[at : boundary.end()]
        at = boundary.end()
    if at < len(frame):
        yield frame[at:]


class Event(NamedTuple):
    """One event. ``event`` is "" for the default type; ``id`` and ``retry`` (milliseconds) are None when not given."""

    event: str
    data: bytes
    id: str | None
    retry: int | None


def parse(frame: bytes, *, first: bool = False) -> list[Event]:
    """The events of a frame; comments and what has no data are skipped. ``first``: a byte order mark may precede."""
    if first and frame.startswith(BOM):
        frame = frame[len(BOM) :]
    events: list[Event] = []
    data: list[bytes] = []
    kind, id, retry = "", None, None
    for line in frame.splitlines():
        if not line:
            if data:
                events.append(Event(kind, b"\n".join(data), id, retry))
            data, kind, id, retry = [], "", None, None
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 16:
            retry = int(value)
    return events


def encode(data: bytes, event: str | None = None, id: str | None = None) -> bytes:
    """One event. Line ends inside ``data`` become one LF each; those in ``event`` and ``id`` become spaces."""
    start = ""
    if event is not None:
        start += f"event: {_one_line(event)}\n"
    if id is not None:
        start += f"id: {_one_line(id)}\n"
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return b"%bdata: %b\n\n" % (start.encode("utf-8", "replace"), data)


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").splitlines())

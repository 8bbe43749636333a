"""Events with numbers: what lets a reader say where it left off (WHATWG HTML, 9.2.6). Pure.

Enters: frames of a stream, and later a ``Last-Event-ID``. Leaves: the same events, each with an ``id:`` line. May fail:
CallerError for an id that is none of ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.errors import CallerError
from penstock.wire.sse import split


def events_of(frame: bytes) -> Iterator[bytes]:
    """The events of a frame, without blank lines around them; those that only keep a connection alive included."""
    for event in split(frame):
        stripped = event.strip(b"\r\n")
        if stripped:
            yield stripped


def is_comment(event: bytes) -> bool:
    """Whether a reader would lose nothing without it."""
    return event.startswith(b":") and all(line.startswith(b":") for line in event.splitlines())


def numbered(event: bytes, number: int) -> bytes:
    """``event`` with its id. The last of several counts, so that an upstream's own cannot take its place."""
    return b"%b\nid: %d\n\n" % (event, number)


def last_seen(value: bytes | None) -> int:
    """The number in a ``Last-Event-ID``; 0 when there is none: then everything is wanted. Raises CallerError."""
    if value is None or not value.strip():
        return 0
    text = value.strip()
    if not text.isdigit() or len(text) > 12:
        raise CallerError(
            "Last-Event-ID must be the id of an event of this stream", code="bad_event_id", param="last-event-id"
        )
    return int(text)

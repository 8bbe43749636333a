"""A reader of a kept stream: a Source from one event on. Cancelling it leaves the stream running for the next. Pure.

Enters: a kept stream and a position. Leaves: the events that follow, several in one frame where they wait. Ends as the
stream does, or with CallerError 409 when another reader has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.core.errors import CallerError, Fail
from penstock.core.reply import Sink, Void

if TYPE_CHECKING:
    from penstock.resume.kept import Kept

FRAME_BYTES = 32 * 1024


class Reader:
    """See the module. ``position`` is the number of the last event given."""

    __slots__ = ("_dismissed", "_flowing", "_given", "_kept", "_paused", "_sink", "position")

    def __init__(self, kept: Kept, position: int) -> None:
        self._kept: Kept | None = kept
        self.position = position
        self._given = kept.total - kept.size_after(position)
        self._dismissed: Fail | None = None
        self._sink: Sink | None = None
        self._paused = False
        self._flowing = False

    @property
    def unread(self) -> int:
        """Bytes that wait for this reader."""
        return 0 if self._kept is None else self._kept.total - self._given

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            kept = self._kept
            if kept is not None:
                kept.start_source(self)
                self.flow()
            elif self._dismissed is not None:
                sink.end(self._dismissed)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.flow()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.leave(self)

    def dismiss(self) -> None:
        """Another reader has come, or the stream is gone."""
        error = CallerError("this stream is read elsewhere now, or was ended", status=409, code="resumed_elsewhere")
        self._kept = None
        if self._sink is None:
            self._dismissed = error
        else:
            sink, self._sink = self._sink, Void()
            sink.end(error)

    def remark(self, comment: bytes) -> None:
        """A comment: for whoever listens now, kept for nobody."""
        if self._sink is not None and not self._paused and not self._flowing:
            self.flow()
            if not self._paused:
                self._sink.push(comment)

    def flow(self) -> None:
        """Give on what is here, as far as the sink takes it."""
        kept = self._kept
        if kept is None or self._sink is None or self._flowing:
            return
        self._flowing = True
        while not self._paused and self._kept is kept:
            frame = self._next(kept)
            if not frame:
                break
            self._sink.push(frame)
        self._flowing = False
        if self._kept is not kept:
            return
        kept.taken()
        if self._kept is kept and kept.ended and not self._paused and self.position >= kept.last:
            self._kept = None
            sink, self._sink = self._sink, Void()
            kept.leave(self)
            sink.end(kept.error)

    def _next(self, kept: Kept) -> bytes:
        """Events that fit in one frame."""
        parts: list[bytes] = []
        size = 0
        while size < FRAME_BYTES and (event := kept.after(self.position)) is not None:
            parts.append(event)
            size += len(event)
            self.position += 1
        self._given += size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __repr__(self) -> str:
        return f"<Reader after {self.position} of {self._kept!r}>"

"""What flowed in one flight and somebody may still need, within a bound. Pure.

Enters: frames as they come. Leaves: to each reader those that follow its position, several in one where they wait.
Positions count frames from the beginning. What is too much goes only when the flight says so (``trim``).
"""

from __future__ import annotations

from penstock.coalesce.hold import Hold
from penstock.wire.openai_chat import strip_usage_chunk

FRAME_BYTES = 32 * 1024
"""What waited leaves in frames of about this size, so that a caller can be full again in between."""

USAGE_MARK = b'_tokens"'


class Frames:
    """See the module. ``keeps``: all is here from the beginning, so that one who comes late can have it."""

    __slots__ = ("_frames", "_hold", "_joined", "_most", "_stripped", "base", "held", "keeps", "room", "total")

    def __init__(self, hold: Hold, most: int) -> None:
        self._frames: list[bytes] = []
        self._hold = hold
        self._most = most
        self._joined = (0, 0, b"")  # the last that was put together: many readers want the same
        self._stripped = (b"", b"")
        self.base = 0
        self.total = 0
        self.held = self.room = 0
        self.keeps = True

    def add(self, frame: bytes) -> None:
        """One more."""
        self._frames.append(frame)
        self.held += len(frame)
        self.total += 1

    def at(self, position: int) -> bytes:
        """The frame of this number."""
        return self._frames[position - self.base]

    def after(self, position: int) -> tuple[bytes, int]:
        """Frames from ``position`` on, in one, and the position after them."""
        frames, start = self._frames, position - self.base
        if start == len(frames) - 1:
            return frames[start], position + 1
        first, following, joined = self._joined
        if first == position and joined and (following == self.total or len(joined) >= FRAME_BYTES):
            return joined, following
        size, end = 0, start
        while end < len(frames) and size < FRAME_BYTES:
            size += len(frames[end])
            end += 1
        joined = b"".join(frames[start:end])
        self._joined = (position, self.base + end, joined)
        return joined, self.base + end

    def without_usage(self, frame: bytes) -> bytes:
        """``frame`` as it is for who did not ask for usage."""
        if USAGE_MARK not in frame:
            return frame
        known, stripped = self._stripped
        if known is not frame:
            stripped = strip_usage_chunk(frame)
            self._stripped = (frame, stripped)
        return stripped

    # ---- room

    @property
    def full(self) -> bool:
        """Whether more is held than there is room for."""
        return self.held > self.room

    def grow(self) -> bool:
        """Take more room, while all is kept."""
        if not (self.keeps and self._hold.grow(self.held, self._most)):
            return False
        self.room = self._hold.size
        return True

    def needed_from(self) -> int:
        """The position before which all has to go so that the rest has room."""
        over, at = self.held - self.room, 0
        while over > 0 and at < len(self._frames):
            over -= len(self._frames[at])
            at += 1
        return self.base + at

    def trim(self, position: int) -> None:
        """Forget what stands before ``position``."""
        count = position - self.base
        if count > 0:
            self.held -= sum(map(len, self._frames[:count]))
            del self._frames[:count]
            self.base = position

    def free(self) -> None:
        """Give the room back: from now on nothing is kept beyond what must be."""
        self._hold.drop()
        self.room = 0

    def clear(self) -> None:
        """Forget all."""
        self.base = self.total
        self._frames.clear()
        self.held = 0
        self._joined = (0, 0, b"")
        self._stripped = (b"", b"")
        self.free()

    def __repr__(self) -> str:
        return f"<Frames {self.base}..{self.total} {self.held}B{'' if self.keeps else ' outgrown'}>"

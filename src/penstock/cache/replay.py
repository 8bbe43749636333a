"""A kept answer told again: as it was, or as a stream where it was whole and the other way round. Pure.

Enters: an answer and what the caller wants. Leaves: a body, or frames and a Source that gives them at once, at a pace,
or with the gaps they had. May fail: UpstreamError for an answer that cannot be told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from penstock.cache.entry import Answer, Entry, mark
from penstock.core.errors import UpstreamError
from penstock.core.reply import Sink, Source, Void, Whole
from penstock.wire.counts import Usage
from penstock.wire.json_scan import value_of
from penstock.wire.openai_chat import usage_object
from penstock.wire.replayed import as_events, as_whole, usage_event
from penstock.wire.sse import DONE

MOST_FRAME_BYTES = 16 * 1024
"""Of one write, where all is told at once."""
LONGEST_GAP_MS = 5000
_COUNTED = ("chat", "completions")


class Timer(Protocol):
    """What waits."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls back after so many seconds."""


def converted(operation: str, answer: Answer, entry: Entry) -> Answer:
    """A stream as the whole answer, a whole answer as a stream. Raises UpstreamError."""
    if answer.streamed:
        body = as_whole(operation, answer.data, _usage(operation, answer, entry))
        if body is None:
            raise UpstreamError("a kept stream cannot be told as a whole", code="not_replayable")
        return Answer(b"application/json", body)
    frames = as_events(operation, answer.data, False)
    if frames is None:
        raise UpstreamError("a kept answer cannot be told as a stream", code="not_replayable")
    gap = entry.seconds / max(1, len(frames))
    marks = b"".join([mark(len(frame), gap) for frame in frames])
    return Answer(b"text/event-stream", b"".join(frames), marks, usage_in(operation, answer.data))


def whole_body(operation: str, answer: Answer, entry: Entry) -> bytes:
    """The answer for a caller that does not stream. Raises UpstreamError."""
    return converted(operation, answer, entry).data if answer.streamed else answer.data


def stream_frames(operation: str, answer: Answer, entry: Entry, usage_wanted: bool) -> list[tuple[bytes, int]]:
    """The answer for a caller that streams: frames, and the milliseconds before each. Raises UpstreamError."""
    if not answer.streamed:
        answer = converted(operation, answer, entry)
    frames = answer.frames()
    if not usage_wanted or operation not in _COUNTED:
        return frames
    told = usage_event(answer.data, _usage(operation, answer, entry))
    frame, pause = frames[-1]
    at = frame.rfind(DONE.strip())
    frames[-1] = (frame[:at] + told + frame[at:] if at >= 0 else frame + told, pause)
    return frames


def stream_at_once(operation: str, answer: Answer, entry: Entry, usage_wanted: bool) -> Source:
    """The answer for a caller that streams, all of it at once. Raises UpstreamError."""
    if answer.streamed and len(answer.data) <= MOST_FRAME_BYTES and not (usage_wanted and operation in _COUNTED):
        return Whole(answer.data)
    return at_once(stream_frames(operation, answer, entry, usage_wanted))


def usage_in(operation: str, body: bytes) -> bytes:
    """The usage in a whole answer, as it stands there, for those streams that tell it apart."""
    if operation not in _COUNTED:
        return b""
    return bytes(value_of(body, "usage") or b"")


def _usage(operation: str, answer: Answer, entry: Entry) -> bytes:
    """The usage that a stream told apart, or as it was counted."""
    if answer.usage or operation not in _COUNTED:
        return answer.usage
    return msgspec.json.encode(usage_object(Usage(entry.tokens_in, entry.tokens_out)))


def at_once(frames: Sequence[tuple[bytes, int]]) -> Source:
    """All of them, in few writes."""
    joined: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for frame, _ in frames:
        if size + len(frame) > MOST_FRAME_BYTES and batch:
            joined.append(b"".join(batch))
            batch, size = [], 0
        batch.append(frame)
        size += len(frame)
    joined.append(b"".join(batch))
    return Whole(*joined)


class Paced:
    """A Source that waits before each frame. ``pace``: events a second; None for the gaps that they had."""

    __slots__ = ("_at", "_frames", "_later", "_pace", "_paused", "_sink", "_timer")

    def __init__(self, frames: Sequence[tuple[bytes, int]], later: Later, pace: float | None) -> None:
        self._frames = frames
        self._later = later
        self._pace = pace
        self._at = 0
        self._paused = False
        self._sink: Sink | None = None
        self._timer: Timer | None = None

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._wait()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._sink is not None and self._timer is None:
                self._wait()

    def cancel(self, reason: str) -> None:
        self._sink = Void()
        self._at = len(self._frames) + 1
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait(self) -> None:
        """Until the next frame is due; the first comes at once."""
        if self._at > len(self._frames) or self._timer is not None:
            return
        if self._at in (0, len(self._frames)):
            seconds = 0.0
        elif self._pace is not None:
            seconds = 1 / self._pace
        else:
            seconds = min(self._frames[self._at][1], LONGEST_GAP_MS) / 1000
        self._timer = self._later(seconds, self._next)

    def _next(self) -> None:
        self._timer = None
        sink = self._sink
        if self._paused or sink is None:
            return
        at = self._at
        if at < len(self._frames):
            self._at = at + 1
            sink.push(self._frames[at][0])
            if not self._paused:
                self._wait()
        elif at == len(self._frames):
            self._at = at + 1
            self._sink = Void()
            sink.end(None)

    def __repr__(self) -> str:
        return f"<Paced {self._at} of {len(self._frames)} frames>"

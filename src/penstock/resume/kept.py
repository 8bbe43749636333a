"""One kept stream: a Sink that outlives its readers, and gives each new one what the last did not get. Pure.

Enters: an upstream's frames, readers one after the other. Leaves: every event once, numbered. What a reader has been
given is forgotten only beyond ``most``; what nobody has read pauses the upstream instead. Given up with an error when
the account of all streams is full, the deadline passes, or nobody reads within the window.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.reply import Source
from penstock.resume.numbered import events_of, is_comment, numbered
from penstock.resume.reader import Reader


class Keeping(Protocol):
    """What a kept stream needs of those who keep it."""

    def reserve(self, size: int) -> bool:
        """Take bytes of the account of all streams; what is finished and unread makes room."""

    def release(self, size: int) -> None: ...

    def now(self) -> float: ...

    def watch(self, stream: Kept) -> None:
        """Call ``stream.expire(now)`` when its ``due`` has passed."""

    def over(self, stream: Kept, error: Fail | None) -> None:
        """The upstream's side has ended. Called once."""

    def forget(self, stream: Kept) -> None:
        """Nobody may come for it any more. Called once."""


class Kept:
    """See the module. ``deadline`` is the moment by which the upstream must end; 0 for ``due`` while neither that nor
    the window is awaited."""

    __slots__ = ("_base", "_error", "_events", "_keeping", "_lost", "_paused", "_reader", "_source", "_started",
                 "_window", "bytes", "deadline", "dialect", "due", "ended", "id", "key", "left", "most", "total",
                 "wheel_at")  # fmt: skip

    def __init__(
        self, keeping: Keeping, id: str, key: str, dialect: str, most: int, window: float, deadline: float
    ) -> None:
        self._keeping = keeping
        self.id = id
        self.key = key
        self.dialect = dialect
        self.most = most
        self.deadline = deadline
        self._window = window
        self._events: deque[bytes] = deque()
        self._base = 0  # events forgotten: the first that is held has the number after it
        self.bytes = self.total = 0  # those held, and all that ever came
        self._source: Source | None = None
        self._reader: Reader | None = None
        self._paused = self._started = False
        self._error: Fail | None = None
        self._lost: Fail | None = None
        self.ended = False
        self.left = 0.0  # since when nobody reads it
        self.due = deadline
        self.wheel_at = 0.0

    def begin(self, source: Source) -> Source:
        """The first reader of ``source``, which starts with it."""
        self._source = source
        self._keeping.watch(self)
        return self.reader(0)

    def reader(self, after: int) -> Reader:
        """What follows the event number ``after``. The reader before, if it is still there, is told to go.

        Raises CallerError when that is not known, any more or yet.
        """
        if self._lost is not None:
            raise self._lost
        if after > self.last:
            raise CallerError(
                f"this stream has had {self.last} events so far, not {after}",
                code="bad_event_id",
                param="last-event-id",
            )
        if after < self._base:
            raise CallerError(
                f"events up to {self._base} of this stream were read and are not kept any more (resume.max_bytes)",
                status=410, code="resume_gone",
            )  # fmt: skip
        old, self._reader = self._reader, None
        if old is not None:
            old.dismiss()
        reader = self._reader = Reader(self, after)
        self.left = 0.0
        self.due = 0.0 if self.ended else self.deadline
        return reader

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return self._base + len(self._events)

    @property
    def error(self) -> Fail | None:
        """What the stream ended with."""
        return self._error

    def after(self, number: int) -> bytes | None:
        """The event that follows the one of this number, if it is here."""
        at = number - self._base
        return self._events[at] if at < len(self._events) else None

    def size_after(self, number: int) -> int:
        """Bytes of the events that follow the one of this number."""
        skip = number - self._base
        return sum(len(event) for at, event in enumerate(self._events) if at >= skip)

    # ---- as the upstream's Sink

    def push(self, frame: bytes) -> None:
        for event in events_of(frame):
            if self.ended:
                return
            if is_comment(event):
                if self._reader is not None:
                    self._reader.remark(event + b"\n")  # an empty line after an id would be an event
            else:
                self._keep(numbered(event, self.last + 1))
        if self._reader is not None:
            self._reader.flow()
        self._pause_if_full()

    def end(self, error: Fail | None) -> None:
        if self.ended:
            return
        self.ended = True
        self._error = error
        self._source = None
        self._keeping.over(self, error)
        reader = self._reader
        if reader is not None:
            self.due = 0.0
            reader.flow()
        else:
            self._await_reader()

    def _keep(self, event: bytes) -> None:
        size = len(event)
        if self._reader is not None:  # the other half is for what waits, or comes while nobody reads
            self._drop_read(self.bytes - self._reader.unread - self.most // 2)
        if not self._keeping.reserve(size):
            self._drop_read(size)
            if not self._keeping.reserve(size):
                self._give_up(
                    GatewayError(
                        "the gateway keeps as many bytes of resumable streams as it may (resume.total_bytes)",
                        code="resume_overloaded", retry_after=1,
                    )
                )  # fmt: skip
                return
        self.bytes += size
        self.total += size
        self._events.append(event)

    def _drop_read(self, size: int) -> None:
        """Forget at least ``size`` bytes of what the present reader has been given, if there is so much."""
        if self._reader is None:
            return
        read = self._reader.position
        while size > 0 and self._base < read:
            event = self._events.popleft()
            self._base += 1
            size -= len(event)
            self.bytes -= len(event)
            self._keeping.release(len(event))

    def _pause_if_full(self) -> None:
        source = self._source
        if source is None or self.ended:
            return
        waiting, most = self.bytes, self.most
        if self._reader is not None:
            waiting, most = self._reader.unread, self.most // 2
        if waiting >= most and not self._paused:
            self._paused = True
            source.pause()
        elif self._paused and waiting < most // 2:
            self._paused = False
            source.resume()

    # ---- from the readers

    def start_source(self, reader: Reader) -> None:
        """A reader has begun; the first begins the source."""
        if not self._started and self._source is not None and reader is self._reader:
            self._started = True
            self._source.start(self)

    def taken(self) -> None:
        """The reader has been given all that it takes for now."""
        self._pause_if_full()

    def leave(self, reader: Reader) -> None:
        """A reader is gone. The stream stays for another, within the window."""
        if reader is self._reader:
            self._reader = None
            self._await_reader()

    def _await_reader(self) -> None:
        now = self._keeping.now()
        self.left = now
        gone = now + self._window
        self.due = gone if self.ended else min(gone, self.deadline)
        self._keeping.watch(self)

    # ---- ends

    def expire(self, now: float) -> None:
        """The wheel calls this: the deadline has passed, or the window."""
        if not self.ended and now >= self.deadline:
            self._stop(
                GatewayError(
                    "the stream took longer than it may (timeouts.total)", status=504, code="deadline", retryable=False
                )
            )
        elif self._reader is None:
            self.discard("nobody came for it")
        else:
            self.due = 0.0 if self.ended else self.deadline

    def _stop(self, error: Fail) -> None:
        """End the upstream's side with an error."""
        source = self._source
        if source is not None:
            source.cancel("given up")
        self.end(error)

    def _give_up(self, error: Fail) -> None:
        """It cannot be kept any more; what is kept already is still given to a reader that is there."""
        if self._reader is None:
            self._lost = error
            self._clear()
        self._stop(error)

    def discard(self, reason: str) -> None:
        """Forget it whole, and end what still works for it."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.dismiss()
        source, self._source = self._source, None
        if not self.ended:
            self.ended = True
            if source is not None:
                source.cancel(reason)
            self._error = CallerError("the caller left and did not come back", status=499, code="caller_left")
            self._keeping.over(self, self._error)
        self._clear()
        self.due = 0.0
        self._keeping.forget(self)

    def _clear(self) -> None:
        self._keeping.release(self.bytes)
        self._base += len(self._events)
        self._events.clear()
        self.bytes = 0

    def __repr__(self) -> str:
        state = "ended" if self.ended else "running"
        return f"<Kept {self.id} {state} {self.last} events {self.bytes}B {'read' if self._reader else 'alone'}>"

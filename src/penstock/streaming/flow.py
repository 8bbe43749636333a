"""Between an upstream's events and one caller: those that wait, and what happens when they are too many. Pure.

A Source over the upstream's. Events wait while the caller does not take them, while its pace forbids, or to be merged;
the wait is bounded by ``terms.buffer`` and by the account. Under pressure the policy applies; without any reason to
wait, frames pass as they come. Ends with CallerError or GatewayError when it has to cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.core.errors import CallerError, Fail, GatewayError
from penstock.core.ports import Account, Caller
from penstock.core.reply import Sink, Source, Void
from penstock.streaming.backlog import Backlog
from penstock.streaming.config import StreamingConfig
from penstock.streaming.counts import Counts
from penstock.streaming.merging import waits
from penstock.streaming.pacing import Bucket
from penstock.wire.pieces import Piece
from penstock.wire.sse import split

FRAME_BYTES = 32 * 1024
"""What waited leaves in frames of about this size, so that a caller can be full again in between."""
LOOK_SECONDS = 0.25
"""How often the caller's socket is asked how far and how full it is."""
LOSSY_SHORT = 2


class Timer(Protocol):
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the streams of a worker share. ``later(seconds, fn)`` calls ``fn`` then."""

    account: Account
    counts: Counts
    now: Callable[[], float]
    later: Callable[[float, Callable[[], None]], Timer]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What this stream needs. ``merges``: short events are held back; ``lossy``: the caller would rather miss some."""

    operation: str
    buckets: Sequence[Bucket] = ()
    merges: bool = False
    lossy: bool = False
    caller: Caller | None = None


class Flow:
    """See the module."""

    __slots__ = (
        "_around", "_backlog", "_began", "_ease", "_ended", "_error", "_far", "_held", "_looked", "_release",
        "_running", "_sink", "_source", "_stopped", "_terms", "_unread", "_wake", "_wishes",
    )  # fmt: skip

    def __init__(self, source: Source, terms: StreamingConfig, wishes: Wishes, around: Surroundings) -> None:
        self._source = source
        self._terms = terms
        self._wishes = wishes
        self._around = around
        self._backlog = Backlog(wishes.operation, terms, around.account, around.counts)
        self._sink: Sink | None = None
        self._held = False  # by the caller
        self._stopped = False  # the upstream, by us
        self._running = False
        self._ended = False
        self._error: Fail | None = None
        self._release = not wishes.merges  # what waits need not wait to be merged
        self._began = 0.0
        self._wake: Timer | None = None
        self._ease: Timer | None = None
        self._looked = float("-inf")
        self._far: float | None = None
        self._unread = 0.0

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self._sink is None:
            self._sink = sink
            self._source.start(self)

    def pause(self) -> None:
        self._held = True

    def resume(self) -> None:
        if self._held:
            self._held = False
            self._release = self._release or bool(self._backlog.pieces)  # it has waited long enough for the caller
            self._run()

    def cancel(self, reason: str) -> None:
        self._close()
        self._source.cancel(reason)

    # ---- as a Sink

    def push(self, frame: bytes) -> None:
        sink = self._sink
        assert sink is not None
        wishes = self._wishes
        if not self._backlog.pieces and not self._held and not wishes.merges and not wishes.buckets:
            sink.push(frame)
            return
        for event in split(frame):
            piece = self._backlog.add(event)
            if piece is None:
                self._cut("buffers_full")
                return
            if wishes.merges and not self._release:
                self._release = not self._waits(piece)
        self._relieve()
        self._run()

    def end(self, error: Fail | None) -> None:
        self._ended = True
        self._error = error
        self._release = True
        self._run()

    # ---- in

    def _waits(self, piece: Piece) -> bool:
        caller, now = self._wishes.caller, self._around.now()
        if caller is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._far = caller.round_trip()
            self._unread = caller.waiting() / self._terms.buffer
        return waits(piece, self._far, self._unread + self._backlog.full, self._terms.merge)

    def _relieve(self) -> None:
        """Do what the policy says about too many waiting events, then slow down or stop the upstream."""
        terms, backlog, policy = self._terms, self._backlog, self._terms.on_slow_reader
        if self._held and backlog.full >= terms.pressure.moderate:
            if policy == "coalesce":
                backlog.merge()
            elif policy == "drop_nonessential":
                backlog.drop("nonessential", lambda piece: piece.kind == "empty")
            elif policy == "cut":
                backlog.note_level()
                if backlog.full >= 1.0:
                    self._cut("buffer_full")
                return
        level = backlog.note_level()
        if level == "normal":
            return
        self._stop()
        if self._ease is None:
            if level == "moderate":
                self._ease_in(backlog.full * terms.pressure.delay)
            elif self._held and self._wishes.lossy:
                self._ease_in(terms.pressure.wait)

    def _stop(self) -> None:
        if not self._stopped and not self._ended:
            self._stopped = True
            self._source.pause()

    def _go(self) -> None:
        if self._stopped:
            self._stopped = False
            self._stop_easing()
            if not self._ended:
                self._source.resume()

    def _ease_in(self, seconds: float) -> None:
        self._around.counts.delay("pressure", seconds)
        self._ease = self._around.later(seconds, self._eased)

    def _eased(self) -> None:
        """The wait under pressure is over: a lossy caller misses something, then more may come if there is room."""
        self._ease = None
        if self._backlog.level == "severe" and self._held and self._wishes.lossy:
            self._backlog.drop("lossy", lambda piece: piece.kind == "text" and len(piece.text) < LOSSY_SHORT)
        if self._backlog.note_level() != "severe":
            self._go()

    # ---- out

    def _run(self) -> None:
        """Send what may be sent."""
        if self._running:
            return
        self._running = True
        while self._backlog.pieces and not self._held:
            number = self._allowed()
            if not number:
                break
            self._send(number)
        self._running = False
        sink = self._sink
        if sink is None or isinstance(sink, Void):
            return
        if not self._ended:
            if self._backlog.full <= 0.5:
                self._go()
        elif not self._backlog.pieces and not self._held:
            self._close()
            sink.end(self._error)

    def _allowed(self) -> int:
        """How many of the waiting events may go now; when none, a timer is set."""
        now, counts = self._around.now(), self._around.counts
        if not self._release:
            if not self._began:
                self._began = now
                self._wake_in(self._terms.merge.longest)
            return 0
        if self._began:
            counts.delay("merge", now - self._began)
            self._began = 0.0
            self._stop_waking()
        elif self._wake is not None:
            return 0  # the pace forbids it until then
        buckets = self._wishes.buckets
        budget = min([bucket.level(now) for bucket in buckets], default=float("inf"))
        number, size, spent = 0, 0, 0
        for piece in self._backlog.pieces:
            if (piece.tokens and budget - spent < 1) or size > FRAME_BYTES:
                break
            number += 1
            size += len(piece.event)
            spent += piece.tokens
        for bucket in buckets:
            bucket.take(spent, now)
        if not number:
            wait = max(bucket.wait(now) for bucket in buckets) + 0.001  # the loop's timers are that coarse
            counts.delay("pace", wait)
            self._wake_in(wait)
        return number

    def _send(self, number: int) -> None:
        sink = self._sink
        assert sink is not None
        backlog = self._backlog
        pieces = backlog.pop(number)
        if self._wishes.merges:
            if number > 1:
                pieces = backlog.joined(pieces, "short")
            if not backlog.pieces:
                self._release = self._ended
        sink.push(b"".join([piece.event for piece in pieces]))

    def _wake_in(self, seconds: float) -> None:
        self._wake = self._around.later(seconds, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._release = True
        self._run()

    # ---- ends

    def _cut(self, reason: str) -> None:
        sink = self._sink
        assert sink is not None
        self._close()
        self._source.cancel(reason)
        self._around.counts.add("cut", reason)
        sink.end(cut_error(reason))

    def _close(self) -> None:
        self._sink = Void()
        self._backlog.clear()
        self._stop_waking()
        self._stop_easing()

    def _stop_waking(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake.cancel()

    def _stop_easing(self) -> None:
        ease, self._ease = self._ease, None
        if ease is not None:
            ease.cancel()

    def __repr__(self) -> str:
        return f"<Flow {self._backlog!r} over {self._source!r}>"


def cut_error(reason: str) -> Fail:
    """What a caller is told whose stream is cut because it reads too slowly."""
    if reason == "buffers_full":
        return GatewayError(
            "the gateway holds as many bytes for slow readers as it may (memory.buffers)",
            code="gateway_overloaded", retry_after=1,
        )  # fmt: skip
    return CallerError("the answer was not read in time", status=408, code="slow_reader")

"""The door to one caller: how long it may stand still, and what is said in a silence. Pure.

A Source over the upstream's that costs its events nothing: they go straight to the sink. It sees only the pauses and
the end. One entry in the shared wheel of deadlines a stream: the next look while it flows, the cut while it is held.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.core.deadlines import Wheel
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.lane import Lane, offer
from penstock.core.reply import Sink, Source
from penstock.streaming.config import StreamingConfig
from penstock.streaming.flow import Surroundings, cut_error


class Gate:
    """See the module. ``ping`` is what is sent in a silence, between two frames."""

    __slots__ = (
        "_around", "_exchange", "_held", "_ping", "_reserved", "_seen", "_sink", "_source", "_terms", "_wheel", "due",
        "push", "wheel_at",
    )  # fmt: skip

    def __init__(
        self,
        source: Source,
        exchange: Exchange,
        terms: StreamingConfig,
        around: Surroundings,
        wheel: Wheel,
        ping: bytes,
    ) -> None:
        self._source: Source | None = source
        self._exchange: Exchange | None = exchange
        self._terms = terms
        self._around = around
        self._wheel = wheel
        self._ping = ping
        self._sink: Sink | None = None
        self._held = False
        self._reserved = 0
        self._seen = 0
        self.due = 0.0
        self.wheel_at = 0.0
        self.push: Callable[[bytes], None] = _nowhere

    # ---- as a Source

    def take_lane(self, lane: Lane) -> None:
        """Events pass by it, as ever."""
        if self._source is not None:
            offer(lane, self._source)

    def start(self, sink: Sink) -> None:
        source = self._source
        if self._sink is None and source is not None:
            self._sink = sink
            self.push = sink.push
            self._around.counts.levels["normal"] += 1
            if not self._held:
                self._watch(self._terms.heartbeat / 2)
            source.start(self)

    def pause(self) -> None:
        source, exchange = self._source, self._exchange
        if self._held or source is None or exchange is None:
            return
        self._held = True
        around = self._around
        around.counts.paused += 1
        around.counts.add("paused", "slow_reader")
        waiting = exchange.caller.waiting() if exchange.caller is not None else 0
        if around.account.reserve(waiting):
            self._reserved = waiting
            self._watch(self._terms.slow_reader_timeout)
        else:
            self._reserved = -1
            self._watch(1e-6)  # at the next turn of the wheel: a sink is not told of an end while it takes a frame
        source.pause()

    def resume(self) -> None:
        source = self._source
        if self._held and source is not None:
            self._let_go()
            self.due = 0.0
            if self._sink is not None:
                self._watch(self._terms.heartbeat / 2)
            source.resume()

    def cancel(self, reason: str) -> None:
        source = self._source
        if source is not None:
            self._close()
            source.cancel(reason)

    # ---- as a Sink

    def end(self, error: Fail | None) -> None:
        sink = self._sink
        if self._source is not None and sink is not None:
            self._close()
            sink.end(error)

    # ---- from the wheel

    def expire(self, now: float) -> None:
        """Held: the time is over. Flowing: if nothing has been sent since the last look, say that we are here."""
        source, sink, exchange = self._source, self._sink, self._exchange
        if source is None or sink is None or exchange is None:
            return
        if self._held:
            reason = "buffers_full" if self._reserved < 0 else "slow_reader"
            self._close()
            self._around.counts.add("cut", reason)
            source.cancel(reason)
            sink.end(cut_error(reason))
            return
        self.due = now + self._terms.heartbeat / 2
        if exchange.bytes_out == self._seen:
            self._around.counts.add("pinged", "silence")
            sink.push(self._ping)
        if self._exchange is not None:
            self._seen = exchange.bytes_out

    def _watch(self, seconds: float) -> None:
        if seconds:
            self.due = self._around.now() + seconds
            self._wheel.watch(self)

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self._around.counts.paused -= 1
            if self._reserved > 0:
                self._around.account.release(self._reserved)
            self._reserved = 0

    def _close(self) -> None:
        """The wheel keeps this object until its moment: let it keep nothing else."""
        self._let_go()
        if self._sink is not None:
            self._around.counts.levels["normal"] -= 1
        self.due = 0.0
        self.push = _nowhere
        self._source = self._sink = self._exchange = None

    def __repr__(self) -> str:
        state = "closed" if self._source is None else "held" if self._held else "open"
        return f"<Gate {state} over {self._source!r}>"


def _nowhere(frame: bytes) -> None:
    """Where frames of a closed gate go."""

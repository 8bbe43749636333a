"""One caller of a flight: a Source of what the flight brings, from its beginning on, as this caller can take it. Pure.

Enters: a flight and the caller's exchange. Leaves: the flight's frames, several in one where they wait, then its end.
Cancelling it leaves the flight to the others. A reader that is given a call of its own goes on as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.coalesce.shares import show
from penstock.core.errors import Fail
from penstock.core.exchange import Exchange
from penstock.core.fiber import Promise
from penstock.core.reply import Reply, Sink, Source, Void

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from penstock.coalesce.flight import Flight


class Reader:
    """See the module. ``answer`` resolves with the reply, or with None: then the caller has to ask in another way.
    ``other``: it waits for the other form of the answer. ``strips``: it did not ask for the usage of a stream.
    ``position`` counts the frames that it was given, ``since`` is when it came. ``busy``: it is just
    giving."""

    __slots__ = (
        "_error", "_own", "answer", "answered", "busy", "exchange", "flight", "other", "paused", "position", "since",
        "sink", "strips",
    )  # fmt: skip

    def __init__(self, flight: Flight, exchange: Exchange, loop: AbstractEventLoop, since: float) -> None:
        self.flight: Flight | None = flight
        self.exchange = exchange
        self.answer: Promise[Reply | None] = Promise(loop)
        self.answered = False
        self.other = False
        self.strips = False
        self.since = since
        self.position = 0
        self.paused = False
        self.sink: Sink | None = None
        self.busy = False
        self._own: Source | None = None
        self._error: Fail | None = None

    # ---- as a Source

    def start(self, sink: Sink) -> None:
        if self.sink is not None:
            return
        self.sink = sink
        flight, error = self.flight, self._error
        if error is not None:
            self.sink = Void()
            sink.end(error)
        elif self._own is not None:
            self._own.start(sink)
        elif flight is not None:
            flight.started(self)

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            if self._own is not None:
                self._own.pause()
            elif self.flight is not None and self.sink is not None:
                self.flight.paused(self)

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            if self._own is not None:
                self._own.resume()
            elif self.flight is not None and self.sink is not None:
                self.flight.resumed(self)

    def cancel(self, reason: str) -> None:
        flight = self.flight
        if flight is not None:
            if not self.answered:
                show(self.exchange, flight.exchange, leads=not self.since)  # what is known so far: where it waited, say
            self.sink = Void() if self.sink is not None else None
            flight.leave(self)
        own, self._own = self._own, None
        if own is not None:
            own.cancel(reason)

    # ---- from the flight

    def left(self, exchange: Exchange) -> None:
        """The caller's exchange has ended, however."""
        if self.flight is not None or self._own is not None:
            self.cancel("caller gone")

    @property
    def flows(self) -> bool:
        """Whether it takes frames now."""
        return self.sink is not None and not self.paused

    def flow(self) -> None:
        """Go on as far as the flight has come and the caller takes it."""
        flight = self.flight
        if flight is None or self.busy:
            return
        if not self.answered:
            flight.reply_to(self)
            return
        sink = self.sink
        if sink is None:
            return
        self.busy = True
        while self.position < flight.frames.total and not self.paused and self.flight is flight:
            frame = flight.take(self)
            if frame:
                sink.push(frame)
        self.busy = False
        if flight.ended and self.position >= flight.frames.total and not self.paused and self.flight is flight:
            self.sink = Void()
            flight.leave(self)
            sink.end(flight.error)

    def cut(self, error: Fail) -> None:
        """It was too slow, and has left the flight."""
        sink = self.sink
        if sink is None:
            self._error = error  # for when it starts
        else:
            self.sink = Void()
            sink.end(error)

    def go_alone(self, own: Source) -> None:
        """``own`` takes the flight's place. Nothing was given yet, and the reader has left the flight."""
        self._own = own
        if self.paused:
            own.pause()
        if self.sink is not None:
            own.start(self.sink)

    def __repr__(self) -> str:
        state = "flows" if self.flows else "paused" if self.paused else "waits"
        return f"<Reader {self.exchange.id} {state} at {self.position}>"

"""One upstream call and those who read its answer. Pure.

Enters: an exchange of its own, the rooms below, readers. Leaves: to each the reply, and all that flowed from the
beginning on. It goes on while one reader is left, and is cancelled with the last. A reader that pauses holds nobody
else; while all pause, the upstream does. What fails, fails once, and everybody is told the same.
"""

from __future__ import annotations

import logging

from penstock.coalesce.frames import USAGE_MARK, Frames
from penstock.coalesce.hold import Hold
from penstock.coalesce.other_form import OtherForm
from penstock.coalesce.own_call import OwnCall
from penstock.coalesce.reader import Reader
from penstock.coalesce.readers import Around, Readers
from penstock.coalesce.replies import PENDING, reply_for, strips, wants_other
from penstock.coalesce.shares import joined, settle, show
from penstock.core.errors import Fail, defect
from penstock.core.exchange import Exchange
from penstock.core.fiber import Fiber
from penstock.core.ports import Next
from penstock.core.reply import Reply, Source

log = logging.getLogger("penstock")


class Flight:
    """See the module. It stands under ``key`` in ``table`` for as long as others may join. ``ended``: the upstream's
    side is over, ``error`` is how."""

    frames: Frames  # once there are any

    __slots__ = (
        "_around", "_body", "_fiber", "_key", "_next", "_reply", "_source", "_started", "_stopped", "_table", "ended",
        "error", "exchange", "frames", "open", "readers",
    )  # fmt: skip

    def __init__(self, around: Around, exchange: Exchange, next: Next, table: dict[bytes, Flight], key: bytes) -> None:
        self._around = around
        self._next = next
        self._table = table
        self._key = key
        table[key] = self
        self.exchange = exchange
        self.readers = Readers(around, self)
        self.open = True
        self.ended = False
        self.error: Fail | None = None
        self._fiber: Fiber | None = None
        self._reply: Reply | None = None
        self._source: Source | None = None
        self._started = self._stopped = False
        self._body = 0
        around.counts.flights += 1

    def _new_hold(self) -> Hold:
        return Hold(self._around.account, self._around.counts, self._around.settings.total)

    # ---- who reads

    def join(self, exchange: Exchange) -> Reader | None:
        """A reader for ``exchange``, the first of them leads; None when no more may come."""
        around, counts = self._around, self._around.counts
        since = 0.0
        if self.readers.all:
            if len(self.readers.all) >= around.settings.readers:
                counts.alone["readers"] += 1
                return None
            if not self._body and not self._hold_body():
                counts.alone["memory"] += 1
                return None
            since = around.now()
            counts.joined += 1
            self.exchange.also_for(exchange)
        reader = Reader(self, exchange, around.loop, since)
        self.readers.add(reader)
        exchange.defer(reader.left)
        if self._reply is not None:
            self._choose_form(reader, self._reply)
            reader.flow()
            self._go_if_gathering()
        return reader

    def _hold_body(self) -> bool:
        """The leader may leave, and its bytes stay with us: they may be sent again, to another upstream, say."""
        size = len(self.exchange.call.body)
        if not self._around.account.reserve(size):
            return False
        self._body = size
        return True

    def leave(self, reader: Reader) -> None:
        """A reader is gone, or has all that it wants."""
        if reader.flight is None:
            return
        reader.flight = None
        self.readers.remove(reader)
        if self.readers.all:
            self.steer()
            return
        if not self.ended:
            self._abandon(reader)
        if self._started:
            self.frames.clear()
        self._reply = None
        self.readers.clear()
        if self._body:
            self._around.account.release(self._body)
        self._around.counts.flights -= 1

    def _abandon(self, last: Reader) -> None:
        """Nobody is left to read: what still works for them ends now, and the last one bears it."""
        self.ended = True
        self.shut()
        fiber, self._fiber = self._fiber, None
        source, self._source = self._source, None
        for working in (fiber, source):
            if working is not None:
                working.cancel("nobody reads")
        late = self.exchange.error = last.exchange.overdue
        self.exchange.finish("left" if late is None else "error", self._around.now())
        settle([last.exchange], self.exchange, split=False)

    def shut(self) -> None:
        """Whoever asks the same from now on begins another flight."""
        if self.open:
            self.open = False
            del self._table[self._key]

    # ---- the upstream's side

    def begin(self) -> None:
        """Ask."""
        self.exchange.usage_passes = True
        fiber = self._fiber = Fiber(self._around.loop, self._run())
        fiber.step()

    async def _run(self) -> None:
        try:
            reply = await self._next(self.exchange)
        except Fail as fail:
            fail.__traceback__ = fail.__context__ = None  # their frames hold the call and its bytes
            self.end(fail)
        except Exception:
            log.exception("a room failed on %s", self.exchange.id, extra={"request": self.exchange.id})
            self.end(defect())
        else:
            self._land(reply)

    def _land(self, reply: Reply) -> None:
        """There is an answer, whole or beginning."""
        self._fiber = None
        if reply.taps:
            reply.through(lambda source: source)
        body = reply.body
        if self.ended:  # all have left, and the rooms below did not hear of it
            if not isinstance(body, bytes):
                body.cancel("nobody reads")
            return
        self._reply = reply
        self.exchange.status = reply.status
        for reader in self.readers.all:
            self._choose_form(reader, reply)
        if isinstance(body, bytes):
            if self.readers.other is not None:
                self.readers.other.take(body)
                self.readers.other.end(None)
            self.end(None)
        else:
            self._source = body
            self.frames = self.readers.frames = Frames(self._new_hold(), self._around.settings.buffer)
            self.readers.serve()
            self._go_if_gathering()

    def _choose_form(self, reader: Reader, reply: Reply) -> None:
        """Whether a reader gets the answer as it comes, or told the other way."""
        asked = reader.exchange.call
        if wants_other(asked, self.exchange.call, reply):
            name = self.exchange.call.operation.name
            self.readers.await_other(reader, self.readers.other or OtherForm(reply, name, self._new_hold()))
        else:
            reader.strips = strips(asked, reply)

    def push(self, frame: bytes) -> None:
        """A frame of the upstream's."""
        frames, lone = self.frames, self.readers.lone
        frames.add(frame)
        if lone is None or lone.sink is None or lone.paused or lone.busy or lone.position + 1 != frames.total:
            self.readers.serve()
        else:
            lone.position += 1
            if lone.strips and USAGE_MARK in frame:
                frame = frames.without_usage(frame)
            if frame:
                lone.sink.push(frame)
        if frames.held > frames.room:
            self.readers.make_room()

    def end(self, error: Fail | None) -> None:
        """The end of the upstream's side. What it used is borne by those who are still here."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._fiber = self._source = None
        self.shut()
        around, child = self._around, self.exchange
        child.error = error
        child.finish("ok" if error is None else "error", around.now())
        if (lone := self.readers.lone) is not None:
            settle([lone.exchange], child, split=False)
            lone.flow()
            return
        settle([reader.exchange for reader in self.readers.all], child, split=around.settings.cost == "split")
        if error is None:
            saved = len(self.readers.all) - 1
            around.counts.saved += saved
            around.counts.saved_tokens += saved * (child.tokens_in + child.tokens_out)
        self.readers.serve()

    def steer(self) -> None:
        """Let the upstream go on while somebody takes what it says."""
        source, readers = self._source, self.readers
        if source is None or not self._started:
            return
        stop = readers.crowded or not (readers.ready or readers.waiting)
        if stop != self._stopped:
            self._stopped = stop
            if stop:
                source.pause()
            else:
                source.resume()

    def _go(self) -> None:
        """Begin to read the upstream, if that has not begun."""
        source = self._source
        if source is not None and not self._started:
            self._started = True
            if not (self.readers.ready or self.readers.waiting):
                self._stopped = True
                source.pause()
            source.start(self)
        else:
            self.steer()

    def _go_if_gathering(self) -> None:
        if self.readers.waiting and self._source is not None:
            self._go()
            self.readers.serve()

    # ---- the readers' side

    def started(self, reader: Reader) -> None:
        """A reader's caller takes frames from now on."""
        self.readers.ready += reader.flows
        reader.flow()
        self._go()

    def paused(self, reader: Reader) -> None:
        """A reader's caller is full."""
        self.readers.ready -= 1
        self.steer()

    def resumed(self, reader: Reader) -> None:
        """It has room again."""
        self.readers.ready += 1
        reader.flow()
        self.steer()

    def take(self, reader: Reader) -> bytes:
        """What comes next for a reader; maybe nothing but its position changes."""
        frame, reader.position = self.frames.after(reader.position)
        return self.frames.without_usage(frame) if reader.strips else frame

    def own_call(self, reader: Reader) -> Source:
        """A call for one reader alone."""
        return OwnCall(reader.exchange, self._next, self._around.loop, self._around.now)

    def reply_to(self, reader: Reader) -> None:
        """Give a reader its reply, if it is there."""
        reply = reply_for(reader, self._reply, self.readers.other, self.error)
        if reply == PENDING:
            return
        reader.answered = True
        exchange = reader.exchange
        show(exchange, self.exchange, leads=not reader.since)
        exchange.waited += joined(exchange, self._around.now() - reader.since) if reader.since else self.exchange.waited
        if isinstance(reply, Fail):
            self.leave(reader)
            reader.answer.set_exception(reply)
            return
        if reply is None or reply.body is not reader:
            self.leave(reader)
        reader.answer.set_result(reply)

    def __repr__(self) -> str:
        state = "ended" if self.ended else "lands" if self._reply is None else "flows"
        return f"<Flight {self.exchange.id} {state} {self.readers!r} {self.frames!r}>"

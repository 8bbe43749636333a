"""Embedders at work beside the event loop: what was embedded of late is remembered, the rest waits its turn.

Enters texts. Leaves vectors or None, by `Embedder`. A model runs on one thread of its own, a server is asked from a
task; what waits goes together as far as that is of use. Bounded: the texts that wait (full: None), a trip's time (late:
None for it and all that wait, and the breaker opens), threads lost in a hang.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from penstock.cache.embedding.breaker import Breaker
from penstock.cache.embedding.embedder import Kind, Model, Tally
from penstock.cache.embedding.remembered import Remembered, key_of
from penstock.core.tasks import Crew

if TYPE_CHECKING:
    from penstock.cache.embedding.embedder import Vector

Ask = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]
"""Asks a server for the vectors of texts, in their order. May raise anything."""

MOST_LOST = 2
"""Threads that hang and are waited for no more. With so many no other is begun."""

TRIPS_ABREAST = 2
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter from one that wants it. Python's 5 ms would be met by the loop's own turn
after each run of the model, and by the model after each turn of a busy loop."""

LEAST_BYTES_A_TOKEN = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """``waiting``: texts; ``deadline``: seconds of a trip; ``remembered``: bytes of vectors kept."""

    waiting: int = 64
    deadline: float = 2.0
    remembered: int = 16 << 20


@dataclass(slots=True, eq=False)
class Trip:
    """Texts on their way to the model, with their keys."""

    texts: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    began: float = 0.0


Result = list["Vector | None"] | BaseException


class _Waited:
    """What all embedders at work share. Used on the event loop alone."""

    def __init__(self, kind: Kind, limits: Limits | None, abreast: int) -> None:
        self.name, self.version, self.dimensions, self.window = kind.name, kind.version, kind.dimensions, kind.window
        self._limits = limits = limits or Limits()
        self._batch = kind.batch
        self._abreast = abreast
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._askers: dict[bytes, list[asyncio.Future[Vector | None]]] = {}
        self._asking = 0
        self._trips: set[Trip] = set()
        self._closed = False
        self.remembered = Remembered(limits.remembered)
        self.breaker = Breaker()
        self.tally = Tally()
        self.last_failure = ""

    async def embed(self, text: str) -> Vector | None:
        """The text's vector; None when there is none."""
        key = key_of(text)
        if (vector := self.remembered.get(key)) is not None:
            self.tally.remembered += 1
            return vector
        loop = asyncio.get_running_loop()
        if self._closed:
            self.tally.closed += 1
            return None
        if self._asking >= self._limits.waiting:
            self.tally.full += 1
            return None
        askers = self._askers.get(key)
        if askers is None and not self.breaker.may(loop.time()):
            self.tally.resting += 1
            return None
        future: asyncio.Future[Vector | None] = loop.create_future()
        self._asking += 1
        if askers is not None:
            askers.append(future)
        else:
            self._askers[key] = [future]
            self._waiting.append((key, text))
            self._go()
        return await future

    def close(self) -> None:
        self._closed = True
        for trip in list(self._trips):
            self._forget(trip)
            self._abandon(trip)
        self._give_up("closed")

    def _go(self) -> None:
        """Send what waits as far as trips are free."""
        while self._waiting and len(self._trips) < self._abreast and not self._closed:
            trip = Trip()
            while self._waiting and len(trip.texts) < self._batch:
                key, text = self._waiting.popleft()
                trip.keys.append(key)
                trip.texts.append(text)
            loop = asyncio.get_running_loop()
            trip.began, trip.timer = loop.time(), loop.call_later(self._limits.deadline, self._overdue, trip)
            self._trips.add(trip)
            self.tally.trips += 1
            self._send(trip)

    def _back(self, trip: Trip, result: Result) -> None:
        """A trip came home. One that was given up has been answered for."""
        if trip not in self._trips:
            return
        self._forget(trip)
        self.tally.seconds += asyncio.get_running_loop().time() - trip.began
        if isinstance(result, BaseException) or len(result) != len(trip.texts):
            wrong = repr(result) if isinstance(result, BaseException) else "another number of vectors than of texts"
            self._ill(trip, "failed", wrong)
        else:
            self.breaker.well()
            for key, vector in zip(trip.keys, result, strict=True):
                if vector is not None:
                    self.remembered.put(key, vector)
                self._answer(key, vector, "long" if vector is None else "embedded")
        self._go()

    def _overdue(self, trip: Trip) -> None:
        if trip in self._trips:
            self._forget(trip)
            self._ill(trip, "late", f"no answer within {self._limits.deadline:g} s", hung=True)
            self._abandon(trip)

    def _ill(self, trip: Trip, how: str, words: str, hung: bool = False) -> None:
        self.last_failure = words[:300]
        opened = self.breaker.ill(asyncio.get_running_loop().time(), hung=hung)
        for key in trip.keys:
            self._answer(key, None, how)
        if opened:
            self._give_up("resting")

    def _give_up(self, how: str) -> None:
        """None for all that wait; what is under way comes home or is late."""
        self._waiting.clear()
        under_way = {key for trip in self._trips for key in trip.keys}
        for key in [key for key in self._askers if key not in under_way]:
            self._answer(key, None, how)

    def _answer(self, key: bytes, vector: Vector | None, how: str) -> None:
        askers = self._askers.pop(key, ())
        self._asking -= len(askers)
        setattr(self.tally, how, getattr(self.tally, how) + len(askers))
        for future in askers:
            if not future.done():
                future.set_result(vector)

    def _forget(self, trip: Trip) -> None:
        self._trips.discard(trip)
        if trip.timer is not None:
            trip.timer.cancel()

    def _send(self, trip: Trip) -> None:
        raise NotImplementedError

    def _abandon(self, trip: Trip) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._asking} texts wait, {self.breaker.state}>"


class Threaded(_Waited):
    """A model on a thread of its own. The thread is a daemon: one that hangs must not keep the process from ending."""

    def __init__(self, model: Model, limits: Limits | None = None) -> None:
        super().__init__(model, limits, 1)
        self._model = model
        self.fits = model.fits
        self._queue: SimpleQueue[Trip | None] | None = None
        self._lost = 0

    def _send(self, trip: Trip) -> None:
        loop = asyncio.get_running_loop()
        if self._queue is None:
            if self._lost >= MOST_LOST:
                loop.call_soon(self._back, trip, RuntimeError(f"{self._lost} threads hang in it"))
                return
            self._queue = SimpleQueue()
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
            work = (self._queue, loop)
            threading.Thread(target=self._work, args=work, name=f"embedder {self.name}", daemon=True).start()
        self._queue.put(trip)

    def _abandon(self, trip: Trip) -> None:
        """The thread that has the trip ends when it comes to; another is begun for the next."""
        if self._queue is not None:
            self._queue.put(None)
            self._queue = None
            self._lost += 1

    def close(self) -> None:
        super().close()
        if self._queue is not None:
            self._queue.put(None)
            self._queue = None

    def _work(self, queue: SimpleQueue[Trip | None], loop: asyncio.AbstractEventLoop) -> None:
        while (trip := queue.get()) is not None:
            result: Result
            try:
                result = self._model.encode(trip.texts)
            except BaseException as error:  # whatever the model's libraries raise is a failure of the embedder
                result = error
            try:
                loop.call_soon_threadsafe(self._home, trip, result)
            except RuntimeError:
                return  # the loop is closed

    def _home(self, trip: Trip, result: Result) -> None:
        if trip not in self._trips:
            self._lost -= 1
        self._back(trip, result)


class Inline(_Waited):
    """A model so quick that handing over would cost more than it takes."""

    def __init__(self, model: Model, limits: Limits | None = None) -> None:
        super().__init__(model, limits, 1)
        self._model = model
        self.fits = model.fits

    def _send(self, trip: Trip) -> None:
        result: Result
        try:
            result = self._model.encode(trip.texts)
        except Exception as error:
            result = error
        self._back(trip, result)

    def _abandon(self, trip: Trip) -> None:
        """Nothing is ever under way."""


class Asked(_Waited):
    """A server's embeddings: an upstream's ``/v1/embeddings``, or the embedded engine's."""

    def __init__(self, ask: Ask, crew: Crew, kind: Kind, limits: Limits | None = None) -> None:
        super().__init__(kind, limits, TRIPS_ABREAST)
        self._ask = ask
        self._crew = crew
        self._tasks: dict[Trip, asyncio.Task[None]] = {}

    def fits(self, text: str) -> bool:
        """Its tokeniser is not known here: so that nothing is cut off unseen, the bytes are counted."""
        return bool(text.strip()) and len(text.encode(errors="surrogatepass")) <= LEAST_BYTES_A_TOKEN * self.window

    async def embed(self, text: str) -> Vector | None:
        if not self.fits(text):
            self.tally.long += 1
            return None
        return await super().embed(text)

    def _send(self, trip: Trip) -> None:
        self._tasks[trip] = self._crew.spawn(self._trip(trip), "embed")

    def _abandon(self, trip: Trip) -> None:
        if (task := self._tasks.pop(trip, None)) is not None:
            task.cancel()

    async def _trip(self, trip: Trip) -> None:
        from penstock.cache.embedding.vectors import checked

        result: Result
        try:
            found = [checked(values, self.dimensions) for values in await self._ask(trip.texts)]
            lacking = any(vector is None for vector in found)
            result = ValueError(f"not a vector of {self.dimensions} numbers") if lacking else found
        except Exception as error:
            result = error
        self._tasks.pop(trip, None)
        self._back(trip, result)

"""All readers of one flight: served in turns, and parted with when they stand still too far behind. Pure.

Enters: readers, and frames as they were kept. Leaves: to each what it has not had. While some wait for their turn it is
we who are slow, so the upstream is held then; only a reader whose own caller takes nothing is ever parted with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.counts import Counts
from penstock.coalesce.frames import Frames
from penstock.coalesce.other_form import SLICE_FRAMES, OtherForm
from penstock.coalesce.reader import Reader
from penstock.core.errors import CallerError, Fail
from penstock.core.ports import Account
from penstock.core.reply import Source

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

BATCH_READERS = 64
"""Served at a time: each costs a write to a socket, and everybody else waits."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the flights of a worker share."""

    loop: AbstractEventLoop
    now: Callable[[], float]
    account: Account
    counts: Counts
    settings: CoalesceConfig


class Flying(Protocol):
    """What the readers need of their flight."""

    @property
    def ended(self) -> bool: ...

    @property
    def error(self) -> Fail | None: ...

    def leave(self, reader: Reader) -> None: ...

    def steer(self) -> None:
        """Hold the upstream, or let it go on."""

    def shut(self) -> None:
        """Nobody may join any more."""

    def own_call(self, reader: Reader) -> Source:
        """A call for one reader alone."""


class Readers:
    """See the module. ``all`` are in the order in which they came, ``ready`` of them take frames now, ``waiting`` ones
    wait for the ``other`` form. ``lone`` is the only one there is, where frames can go straight to it; ``crowded``: the
    upstream is held until a round is over."""

    __slots__ = ("_around", "_flight", "_more", "_queue", "_turning", "all", "crowded", "frames", "lone", "other",
                 "ready", "waiting")  # fmt: skip

    frames: Frames  # once there are any

    def __init__(self, around: Around, flight: Flying) -> None:
        self._around = around
        self._flight: Flying | None = flight
        self.all: dict[Reader, None] = {}
        self._queue: list[Reader] = []
        self._turning = self._more = False
        self.lone: Reader | None = None
        self.other: OtherForm | None = None
        self.ready = 0
        self.waiting = 0
        self.crowded = False

    def add(self, reader: Reader) -> None:
        """One more."""
        self.lone = None if self.all else reader
        self.all[reader] = None
        self._around.counts.readers += 1

    def remove(self, reader: Reader) -> None:
        """One less."""
        del self.all[reader]
        self._around.counts.readers -= 1
        self.ready -= reader.flows
        self.waiting -= reader.other
        if self.other is not None and not self.waiting:
            self.other.drop()
            self.other = None
        if len(self.all) == 1 and self.other is None:
            self.lone = next(iter(self.all))

    def await_other(self, reader: Reader, other: OtherForm) -> None:
        """A reader wants the other form: the one there is, or ``other``."""
        reader.other = True
        self.waiting += 1
        if self.other is None:
            self.lone = None
            self.other = other

    def clear(self) -> None:
        """All are gone."""
        self._queue.clear()
        self.lone = self._flight = None

    # ---- turns

    def serve(self) -> None:
        """Give each reader what it has not had."""
        self._more = True
        if not self._turning:
            self._turning = True
            self._round()

    def _round(self) -> None:
        self._more = False
        self._queue = list(self.all)
        self._queue.reverse()
        self._turn()

    def _turn(self) -> None:
        queue = self._queue
        for _ in range(min(BATCH_READERS, len(queue))):
            if not queue:
                break  # all are gone
            queue.pop().flow()
        if self._gather() or queue:
            self._around.loop.call_soon(self._turn)
        elif self._more:
            self._around.loop.call_soon(self._round)
        else:
            self._turning = False
            if self.crowded:
                self.make_room()

    def _gather(self) -> bool:
        """Let the other form take some of what it has not had; whether there is more."""
        other, flight = self.other, self._flight
        if other is None or other.done or flight is None:
            return False
        frames = self.frames
        until = min(frames.total, other.position + SLICE_FRAMES)
        while other.position < until:
            other.take(frames.at(other.position))
        if other.position < frames.total:
            return True
        if flight.ended:
            other.end(flight.error)
            self._more = True
        return False

    # ---- room

    def make_room(self) -> None:
        """More is held than there is room for."""
        frames, flight = self.frames, self._flight
        if flight is None:
            return
        if frames.grow():
            self.crowded = False
        else:
            if frames.keeps:
                frames.keeps = False
                self._around.counts.outgrown += 1
                flight.shut()
            frames.trim(self._lowest())
            self.crowded = frames.full and self._turning
            if self.lone is not None:
                frames.free()
            elif frames.full and not self._turning:
                self._part_with_slow(flight)
        flight.steer()

    def _lowest(self) -> int:
        """The position up to which nobody needs anything."""
        lowest = min((reader.position for reader in self.all if not reader.other), default=self.frames.total)
        return lowest if self.other is None or self.other.done else min(lowest, self.other.position)

    def _part_with_slow(self, flight: Flying) -> None:
        """Those who stand still so far behind that what they need has no room. While nobody goes on, nobody is."""
        if not (self.ready or self.waiting):
            return
        counts = self._around.counts
        until = self.frames.needed_from()
        for reader in [one for one in self.all if one.position < until and one.answered and not one.flows]:
            flight.leave(reader)
            if reader.position == 0 and self._around.settings.slow == "detach":
                counts.detached += 1
                reader.go_alone(flight.own_call(reader))
            else:
                counts.cut += 1
                reader.cut(CallerError("the answer was not read in time", status=408, code="slow_reader"))
        self.frames.trim(self._lowest())

    def __repr__(self) -> str:
        return f"<Readers {len(self.all)}, {self.ready} ready, {self.waiting} wait>"

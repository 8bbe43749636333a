"""A pool in virtual time as a fluid: replicas that start, serve and drain; work that waits; calls that are late. Pure.

A step costs the same however many replicas and calls there are: replicas are groups that were asked for together. All
that is paid for counts: those that start and drain, too.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from penstock.simulate.scaling.waiting import late


@dataclass(frozen=True, slots=True)
class Hardware:
    """``carries``: work a second of one replica at most; ``starts``: seconds from wanting one to its first answer,
    each by chance about ``spread`` of it more or less; ``goal``: seconds to the first token; ``patience``: seconds
    after which who waits has gone; ``response``: seconds of a call; ``varied``: see ``waiting.late``."""

    carries: float = 2400.0
    starts: float = 120.0
    spread: float = 0.15
    goal: float = 2.0
    patience: float = 30.0
    response: float = 15.0
    varied: float = 3.0


@dataclass(slots=True)
class Tally:
    """What a run came to. Replica-seconds: ``paid``, of them ``starting`` and ``draining``. Calls: ``calls``, of them
    ``late`` (too late at first), ``gone`` (not served at all), ``cut`` (ended in the middle), ``moved`` (to others)."""

    paid: float = 0.0
    starting: float = 0.0
    draining: float = 0.0
    calls: float = 0.0
    late: float = 0.0
    gone: float = 0.0
    cut: float = 0.0
    moved: float = 0.0
    held: float = 0.0
    starts: int = 0
    most: int = 0

    @property
    def violations(self) -> float:
        """Share of the calls that were late, gone or cut."""
        return (self.late + self.gone + self.cut) / self.calls if self.calls else 0.0

    @property
    def hours(self) -> float:
        return self.paid / 3600.0


class Pool:
    """See the module. ``grace``: seconds that a replica which goes may end its calls in; ``rescues``: whether what is
    left then goes on elsewhere, or is cut."""

    def __init__(self, hardware: Hardware, ready: int, grace: float, rescues: bool, rng: np.random.Generator) -> None:
        self.hardware = hardware
        self.ready = ready
        self.starting = 0
        self.draining = 0
        self.wanted = ready
        self.backlog = 0.0
        self.tally = Tally()
        self._grace, self._rescues = grace, rescues
        self._rng = rng
        self._coming: deque[list[float]] = deque()  # [moment, how many], by moment as far as chance lets them
        self._going: deque[tuple[float, int]] = deque()
        self._served = 0.0  # calls a second

    @property
    def in_flight(self) -> float:
        """Calls at replicas."""
        return self._served * self.hardware.response

    def want(self, count: int, now: float) -> None:
        """So many shall stand from now on."""
        self.wanted = count
        more = count - self.ready - self.starting
        if more > 0:
            self._start(more, now)
        elif more < 0:
            self._end(-more, now)

    def _start(self, count: int, now: float) -> None:
        hardware = self.hardware
        self.tally.starts += count
        self.starting += count
        parts = min(count, 4)  # not all at the same moment
        for part in range(parts):
            share = count // parts + (part < count % parts)
            took = hardware.starts * (1.0 + hardware.spread * float(self._rng.uniform(-1.0, 1.0)))
            self._coming.append([now + took, share])

    def _end(self, count: int, now: float) -> None:
        while count and self._coming:  # those that serve nobody yet go first, the newest of them
            newest = self._coming[-1]
            taken = min(count, int(newest[1]))
            newest[1] -= taken
            self.starting -= taken
            count -= taken
            if not newest[1]:
                self._coming.pop()
        if not count:
            return
        response = self.hardware.response
        each = self.in_flight / self.ready if self.ready else 0.0
        self.ready -= count
        self.draining += count
        # Calls end one by one, as by chance: the last of so many after response x (log + 0.58).
        last = response * (math.log(max(each, 1.0)) + 0.58) if each > 0 else 0.0
        self._going.append((now + min(self._grace, last), count))
        left = count * each * math.exp(-self._grace / response)
        if self._rescues:
            self.tally.moved += left
        else:
            self.tally.cut += left

    def step(self, now: float, seconds: float, load: float, calls: float, rescued: float = 0.0) -> float:
        """``load`` and ``calls`` a second come for so long. Returns the share of them that is late."""
        hardware, tally = self.hardware, self.tally
        if self._coming:
            self._arrive(now)
        while self._going and self._going[0][0] <= now:
            self.draining -= self._going.popleft()[1]
        capacity = self.ready * hardware.carries
        a_call = load / calls if calls > 0 else 1.0
        share = late(self.backlog, load, capacity, seconds, hardware.goal, a_call, hardware.varied)
        left = self.backlog + (load - capacity) * seconds
        room = hardware.patience * capacity if capacity else hardware.patience * load
        came = calls * seconds
        gone = 0.0
        if left > room:
            gone = (left - room) / a_call
            left = room
        self.backlog = max(0.0, left)
        self._served = min(calls, (capacity + self.backlog / seconds) / a_call) if capacity else 0.0
        tally.calls += came
        tally.gone += gone
        tally.late += max(0.0, share * came - gone)
        if not self.ready:
            tally.held += came
        paid = self.ready + self.starting + self.draining
        tally.paid += paid * seconds
        tally.starting += self.starting * seconds
        tally.draining += self.draining * seconds
        tally.most = max(tally.most, paid)
        return share

    def _arrive(self, now: float) -> None:
        kept: deque[list[float]] = deque()
        for moment, count in self._coming:
            if moment <= now:
                self.ready += int(count)
                self.starting -= int(count)
            else:
                kept.append([moment, count])
        self._coming = kept

    def __repr__(self) -> str:
        return f"<Pool {self.ready} ready, {self.starting} start, {self.draining} drain, {self.backlog:.4g} waits>"

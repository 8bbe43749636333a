"""All that wait for seats in one worker, within bounds: who is taken in, who must go for it, who is told to go at once.

Enters: a Waiter, a place with a free seat, the moment. Leaves: each Waiter exactly once: served, shed, or removed by
whoever put it in. When the queue is full, the worst call of the lowest class goes: of the key with the most calls by
its weight, the one that would be served last; an arrival that is no better is refused. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from penstock.admission.line import Line
from penstock.admission.place import Place
from penstock.admission.waiter import Waiter
from penstock.core.priority import NAMES

LEAST_SHARE = 100
"""One seat of so many is thought to be left for a class that is not guarded, however many better calls come."""


class Refused(NamedTuple):
    """Why a call may not wait: ``full`` (of calls no worse), ``share`` (its key has too many here), ``late`` (it would
    not be served in time); and ``wait``: seconds that it would have taken, 0 where nobody knows."""

    reason: str
    wait: float


class Queue:
    """See the module. ``calls``: at most so many wait, ``per_key``: of one key; ``guard``: see ``line.py``.
    ``promoted``: by class, seats that went to it although better calls waited."""

    def __init__(self, calls: int, per_key: int, guard: int) -> None:
        self.calls = calls
        self.per_key = per_key
        self.guard = guard
        self.size = 0
        self.by_class = [0] * len(NAMES)
        self.promoted = [0] * len(NAMES)
        self._keys: list[dict[str, int]] = [{} for _ in NAMES]
        self._weights: dict[str, float] = {}
        self._lines: dict[Line, None] = {}
        self._count = 0

    def join(self, waiter: Waiter, now: float) -> Refused | list[Waiter]:
        """Let it wait: those that were shed for it, or why it may not."""
        for place in waiter.places:
            place.arrivals.roll(now)
        wait = self.expected(waiter)
        if not waiter.front:
            quick = min((place.quick for place in waiter.places), default=0.0)
            if wait and (now + wait > waiter.until or now + wait + quick > waiter.deadline):
                return Refused("late", wait)
        shed: list[Waiter] = []
        own = sum(keys.get(waiter.key, 0) for keys in self._keys)
        if own >= self.per_key and not waiter.front:
            worst = self._worst_of(waiter.key, waiter.rank)
            if worst is None:
                return Refused("share", wait)
            shed.append(worst)
        elif self.size >= self.calls:
            worst = self._worst(waiter)
            if worst is not None:
                shed.append(worst)
            elif not waiter.front:  # of those that were served already there are no more than seats
                return Refused("full", wait)
        for other in shed:
            self.remove(other)
        self._add(waiter)
        if not waiter.front:
            for place in waiter.places:
                place.arrivals.note(waiter.rank, 1.0 / len(waiter.places))
        return shed

    def take(self, place: Place) -> Waiter | None:
        """Who gets the free seat at ``place``; it waits no more."""
        line = place.line
        waiter = line.next(place) if line is not None else None
        if line is None or waiter is None:
            return None
        self.promoted[waiter.rank] += line.serve(waiter, place)
        self._left(waiter, line)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """It waits no more. Does nothing if it does not wait."""
        if waiter.bench is not None:
            line = waiter.places[0].line
            assert line is not None
            line.remove(waiter)
            self._left(waiter, line)

    def move(self, waiter: Waiter, places: tuple[Place, ...]) -> None:
        """It may sit in other places now; it stays where it was among the others."""
        self.remove(waiter)
        waiter.places = places
        self._add(waiter)

    def crowded_by(self, waiter: Waiter) -> bool:
        """Whether no other key has more calls of its class here, by its weight."""
        keys, weights = self._keys[waiter.rank], self._weights
        mine = keys.get(waiter.key, 0) / waiter.weight
        return mine > 0 and len(keys) > 1 and all(mine >= number / weights[key] for key, number in keys.items())

    def position(self, waiter: Waiter) -> int:
        """Its position, from 1."""
        line = waiter.places[0].line
        return 1 if line is None else 1 + line.ahead(waiter)

    def expected(self, waiter: Waiter) -> float:
        """Seconds until it would be served, as seats come free at present and better calls keep coming for them; 0
        where that is not known."""
        rate = 0.0
        for place in waiter.places:
            if not place.hold:
                return 0.0
            left = place.rate - place.arrivals.better(waiter.rank)
            rate += max(left, place.rate / (1 + (self.guard or LEAST_SHARE)))
        ahead = 0
        for line in {place.line for place in waiter.places if place.line is not None}:
            ahead += line.ahead(waiter)
        return (1 + ahead) / rate if rate else 0.0

    def waiters(self) -> Iterator[Waiter]:
        """All that wait."""
        for line in self._lines:
            yield from line.waiters()

    def places(self) -> list[Place]:
        """All for which somebody waits."""
        return [place for line in self._lines for place in line.places]

    def keys(self, rank: int) -> dict[str, int]:
        """How many calls of a class each key has here."""
        return self._keys[rank]

    def _add(self, waiter: Waiter) -> None:
        self._count += 1
        if not waiter.number:
            waiter.number = self._count
        lines = list(dict.fromkeys(place.line for place in waiter.places if place.line is not None))
        if not lines:
            lines = [Line(self.guard)]
            self._lines[lines[0]] = None
        line = max(lines, key=lambda line: line.size)
        for other in lines:
            if other is not line:
                self._join_lines(line, other)
        line.add(waiter)
        self.size += 1
        self.by_class[waiter.rank] += 1
        keys = self._keys[waiter.rank]
        keys[waiter.key] = keys.get(waiter.key, 0) + 1
        self._weights[waiter.key] = waiter.weight

    def _join_lines(self, line: Line, other: Line) -> None:
        """Calls that can use places of both make one line of them."""
        del self._lines[other]
        moving = sorted(other.waiters(), key=lambda waiter: waiter.number)
        for waiter in moving:
            other.remove(waiter)
        for waiter in moving:
            line.add(waiter)

    def _left(self, waiter: Waiter, line: Line) -> None:
        self.size -= 1
        self.by_class[waiter.rank] -= 1
        keys = self._keys[waiter.rank]
        keys[waiter.key] -= 1
        if not keys[waiter.key]:
            del keys[waiter.key]
            if not any(waiter.key in keys for keys in self._keys):
                del self._weights[waiter.key]
        if not line.size:
            del self._lines[line]

    def _worst(self, arrival: Waiter) -> Waiter | None:
        """Who must go for ``arrival``; None where that would be no better."""
        for rank in range(len(NAMES) - 1, arrival.rank - 1, -1):
            keys = self._keys[rank]
            if not keys:
                continue
            key = max(keys, key=lambda key: keys[key] / self._weights[key])
            if rank == arrival.rank and not arrival.front:
                mine = (keys.get(arrival.key, 0) + 1) / arrival.weight
                if key == arrival.key or mine >= keys[key] / self._weights[key]:
                    return None
            worst = self._last(rank, key)
            if worst is not None:
                return worst
        return None

    def _worst_of(self, key: str, above: int) -> Waiter | None:
        """The worst call of a key in a class lower than ``above``."""
        for rank in range(len(NAMES) - 1, above, -1):
            if key in self._keys[rank] and (worst := self._last(rank, key)) is not None:
                return worst
        return None

    def _last(self, rank: int, key: str) -> Waiter | None:
        found = [last for line in self._lines if (last := line.worst(rank, key)) is not None]
        return max(found, key=lambda waiter: (waiter.deadline, waiter.number), default=None)

    def __repr__(self) -> str:
        return f"<Queue {self.size}/{self.calls} in {len(self._lines)} lines>"

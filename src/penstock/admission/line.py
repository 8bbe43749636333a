"""Who gets a seat that comes free: the best class first, but none is passed by for ever. Pure.

A line is what waits for places that have calls in common. Of the classes of ``core.priority`` the best goes first; one
that was passed by ``guard`` times while it waited gets the next seat, so that under the heaviest load of better calls
it still has one of so many. Inside a class see ``bench.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.admission.bench import Bench
from penstock.admission.place import Place
from penstock.admission.waiter import Waiter
from penstock.core.priority import NAMES


class Line:
    """See the module. ``places``: all for which somebody waits or has waited; ``guard`` 0: no class is guarded;
    ``passed``: seats that went to better classes since each class had one, while it waited for them."""

    __slots__ = ("benches", "guard", "passed", "places", "size")

    def __init__(self, guard: int) -> None:
        self.guard = guard
        self.places: set[Place] = set()
        self.benches: list[dict[tuple[Place, ...], Bench]] = [{} for _ in NAMES]
        self.passed = [0] * len(NAMES)
        self.size = 0

    def add(self, waiter: Waiter) -> None:
        """One more waits."""
        benches = self.benches[waiter.rank]
        bench = benches.get(waiter.places)
        if bench is None:
            near = [other.start for other in benches.values() if not set(other.places).isdisjoint(waiter.places)]
            bench = benches[waiter.places] = Bench(waiter.places, min(near, default=0.0))
            for place in waiter.places:
                self.places.add(place)
                place.line = self
        bench.add(waiter)
        self.size += 1

    def remove(self, waiter: Waiter) -> None:
        """One less, whatever became of it."""
        bench = waiter.bench
        assert bench is not None
        bench.remove(waiter)
        self._left(waiter, bench)

    def next(self, place: Place) -> Waiter | None:
        """Who would get a seat at ``place``, if anybody can use it."""
        best: Waiter | None = None
        due = -1
        for rank, benches in enumerate(self.benches):
            head = _head(benches, place)
            if head is None:
                continue
            if best is None:
                best = head
            elif self.guard and self.passed[rank] >= max(self.guard, due + 1):
                best, due = head, self.passed[rank]
        return best

    def serve(self, waiter: Waiter, place: Place) -> bool:
        """``waiter`` gets the seat. Whether it was its class's turn for having been passed by."""
        rank, bench = waiter.rank, waiter.bench
        assert bench is not None
        for lower in range(rank + 1, len(NAMES)):
            if self.benches[lower] and _head(self.benches[lower], place) is not None:
                self.passed[lower] += 1
        better = any(_head(self.benches[above], place) is not None for above in range(rank))
        self.passed[rank] = 0
        bench.serve(waiter)
        self._left(waiter, bench)
        return better

    def ahead(self, waiter: Waiter) -> int:
        """About how many calls go before ``waiter``, sitting or not, at the places where it may sit."""
        wanted = set(waiter.places)
        count = 0
        for rank in range(waiter.rank + 1):
            for places, bench in self.benches[rank].items():
                if rank == waiter.rank and places == waiter.places:
                    count += bench.ahead(waiter)
                elif not wanted.isdisjoint(places):
                    count += bench.size if rank < waiter.rank else bench.size // 2
        return count

    def worst(self, rank: int, key: str) -> Waiter | None:
        """The call of ``key`` in a class that would be served last."""
        found = [last for bench in self.benches[rank].values() if (last := bench.last(key)) is not None]
        return max(found, key=lambda waiter: (waiter.deadline, waiter.number), default=None)

    def waiters(self) -> Iterator[Waiter]:
        """All of them."""
        for benches in self.benches:
            for bench in benches.values():
                yield from (waiter for _, waiter in bench.front)
                for calls in bench.calls.values():
                    yield from (waiter for _, _, waiter in calls)

    def _left(self, waiter: Waiter, bench: Bench) -> None:
        self.size -= 1
        benches = self.benches[waiter.rank]
        if not bench.size:
            del benches[bench.places]
        if not benches:
            self.passed[waiter.rank] = 0
        if not self.size:
            for place in self.places:
                place.line = None
            self.places.clear()

    def __repr__(self) -> str:
        return f"<Line of {self.size} for {len(self.places)} places>"


def _head(benches: dict[tuple[Place, ...], Bench], place: Place) -> Waiter | None:
    """Who is next at ``place`` in a class."""
    best: Bench | None = None
    for places, bench in benches.items():
        if place in places and (best is None or _rank(bench) < _rank(best)):
            best = bench
    return None if best is None else best.head


def _rank(bench: Bench) -> tuple[bool, float, int]:
    return not bench.front, bench.start, bench.head.number

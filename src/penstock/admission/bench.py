"""Who is next among calls of one class that can sit in the same places: fair between keys. Pure.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): a key's next call bears a start tag, the tag of its last
one plus that one's cost by the key's weight, and when it begins to wait no less than the virtual time, which is the tag
served last; the least tag is next. So no key gets ahead of another by more than a call of each. Of one key's calls the
earliest deadline goes first: between keys, deadlines would be a way to push in.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice

from penstock.admission.place import Place
from penstock.admission.waiter import Waiter

MOST_IDLE = 1024
"""Keys that have nobody waiting, remembered for what they were given beyond their share."""
MOST_COUNTED = 256
"""Keys that are counted one by one to say how many calls are ahead; of more it is estimated."""


class Bench:
    """See the module. ``order``: the keys that wait, by their tags; ``calls``: of each, by deadline; ``front``: those
    that were served before and go first; ``start``: its own tag among benches that share a place with it."""

    __slots__ = ("calls", "front", "order", "places", "share", "size", "start", "tags", "time")

    def __init__(self, places: tuple[Place, ...], start: float = 0.0) -> None:
        self.places = places
        self.start = start
        self.time = 0.0
        self.tags: dict[str, float] = {}
        self.order: list[tuple[float, str]] = []
        self.calls: dict[str, list[tuple[float, int, Waiter]]] = {}
        self.front: list[tuple[int, Waiter]] = []
        self.size = 0
        self.share = 0.0

    def add(self, waiter: Waiter) -> None:
        """Sit down."""
        waiter.bench = self
        self.size += 1
        if waiter.front:
            insort(self.front, (waiter.number, waiter))
            return
        key = waiter.key
        calls = self.calls.get(key)
        if calls is None:
            tag = self.tags[key] = self._tag(key)
            calls = self.calls[key] = []
            insort(self.order, (tag, key))
            self.share += waiter.weight
        insort(calls, (waiter.deadline, waiter.number, waiter))

    def remove(self, waiter: Waiter) -> None:
        """Stand up."""
        waiter.bench = None
        self.size -= 1
        if waiter.front:
            self.front.remove((waiter.number, waiter))
            return
        key = waiter.key
        calls = self.calls[key]
        del calls[bisect_left(calls, (waiter.deadline, waiter.number))]
        if not calls:
            del self.calls[key]
            self._unorder(key)
            self.share = self.share - waiter.weight if self.calls else 0.0
            if len(self.tags) - len(self.calls) > MOST_IDLE:
                self._forget()

    def serve(self, waiter: Waiter) -> None:
        """``waiter`` gets a seat: time goes on, and its key is charged. One of the front was charged already."""
        cost = waiter.cost / max(self.share, waiter.weight)
        self.start += cost
        if not waiter.front:
            key = waiter.key
            start = self.time = self.tags[key]
            self._unorder(key)
            tag = self.tags[key] = start + waiter.cost / waiter.weight
            insort(self.order, (tag, key))
        self.remove(waiter)

    @property
    def head(self) -> Waiter:
        """Who is next. There must be somebody."""
        if self.front:
            return self.front[0][1]
        return self.calls[self.order[0][1]][0][2]

    def last(self, key: str) -> Waiter | None:
        """The call of ``key`` that would be served last."""
        calls = self.calls.get(key)
        return calls[-1][2] if calls else None

    def ahead(self, waiter: Waiter) -> int:
        """About how many calls here go before ``waiter``."""
        if waiter.front:
            return bisect_left(self.front, (waiter.number,))
        mine = bisect_left(self.calls.get(waiter.key, []), (waiter.deadline, waiter.number))
        tag = self._tag(waiter.key) + mine * waiter.cost / waiter.weight
        counted = 0.0
        for start, key in islice(self.order, MOST_COUNTED):
            if start > tag:
                break
            if key != waiter.key:
                others = self.calls[key]
                first = others[0][2]
                counted += min(len(others), 1 + int((tag - start) * first.weight / first.cost))
        else:
            counted *= max(1.0, len(self.order) / MOST_COUNTED)
        return min(self.size, len(self.front) + mine + int(counted))

    def _tag(self, key: str) -> float:
        """The start tag of the key's next call."""
        if key in self.calls:
            return self.tags[key]  # while it waits, time that goes on does not put it back
        return max(self.tags.get(key, 0.0), self.time)

    def _unorder(self, key: str) -> None:
        del self.order[bisect_left(self.order, (self.tags[key], key))]

    def _forget(self) -> None:
        """Of keys that have nobody waiting: those whose share has come round are as if they were new. If the others
        are still too many, those go that were given least beyond theirs."""
        idle = [(tag, key) for key, tag in self.tags.items() if key not in self.calls and tag > self.time]
        kept = sorted(idle)[-MOST_IDLE // 2 :]
        self.tags = {key: self.tags[key] for key in self.calls} | {key: tag for tag, key in kept}

    def __repr__(self) -> str:
        return f"<Bench of {self.size} for {', '.join(place.name for place in self.places)}>"

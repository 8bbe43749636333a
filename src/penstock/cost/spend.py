"""Spending, summed up by hour, key, model, upstream and tags: what a worker counts and what is kept of it. Pure.

Enters: records of finished calls. Leaves: ``Hour``s, which stand for what one worker saw in one hour, as bytes. They
are bounded: past the bound tags, then all names are counted together as OTHER. May fail: ValueError for other bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from penstock.core.finished import Finished, Record
from penstock.core.windows import OTHER

HOUR = 3600
MOST_NAME_CHARACTERS = 200
MOST = 2**63 - 1
"""What is more cannot be written."""
WAYS = ("cache", "coalescing", "batching", "routing", "prompt_cache")
"""What spares money."""
_REST = (OTHER, OTHER, OTHER, OTHER)
_TOLD = frozenset({*WAYS, "estimated", "unpriced"})
Names = tuple[str, str, str, str]
"""Key, model, upstream, tags."""


class Sums(msgspec.Struct, array_like=True, gc=False):
    """Stored as an array: new fields come last. Money in micro-dollars; ``estimated`` is a part of ``cost``,
    ``unpriced`` are calls of which nobody knows the price. The ways of saving stand in the order of WAYS."""

    calls: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: int = 0
    estimated: int = 0
    unpriced: int = 0
    cache: int = 0
    coalescing: int = 0
    batching: int = 0
    routing: int = 0
    prompt_cache: int = 0

    @property
    def saved(self) -> int:
        """By all ways."""
        return self.cache + self.coalescing + self.batching + self.routing + self.prompt_cache

    def add(self, other: Sums) -> None:
        """Count the calls of ``other``, too."""
        self.calls += other.calls
        self.tokens_in += other.tokens_in
        self.tokens_cached += other.tokens_cached
        self.tokens_out += other.tokens_out
        self.cost += other.cost
        self.estimated += other.estimated
        self.unpriced += other.unpriced
        self.cache += other.cache
        self.coalescing += other.coalescing
        self.batching += other.batching
        self.routing += other.routing
        self.prompt_cache += other.prompt_cache

    def bounded(self) -> Sums:
        """As far as 64 bits go."""
        return Sums(*(min(getattr(self, name), MOST) for name in Sums.__struct_fields__))


class Entry(msgspec.Struct, array_like=True):
    """The sums of those that share their names."""

    names: Names
    sums: Sums


class Hour(msgspec.Struct, array_like=True):
    """What one worker saw from ``start`` (Unix seconds) on. ``idle``: micro-dollars for time of upstreams paid by the
    second in which no call was there. ``seconds``: how long; ``parts``: the names of the records it was made of."""

    start: int = 0
    entries: list[Entry] = []
    idle: dict[str, int] = {}
    seconds: int = HOUR
    parts: list[str] = []


class Bucket:
    """An hour in one worker. ``mark`` tells it from others of the same hour; ``changed``: since it was stored."""

    __slots__ = ("_most", "changed", "entries", "idle", "mark", "start")

    def __init__(self, start: int, mark: str, most: int) -> None:
        self.start = start
        self.mark = mark
        self.entries: dict[Names, Sums] = {}
        self.idle: dict[str, int] = {}
        self.changed = False
        self._most = most

    def sums(self, names: Names) -> Sums:
        """To be added to."""
        found = self.entries.get(names)
        if found is None:
            if len(self.entries) >= self._most:  # tags are the callers' to choose: they are given up first
                names = (*names[:3], OTHER)
                if len(self.entries) >= self._most + self._most // 4:
                    names = _REST
            found = self.entries.setdefault(names, Sums())
        return found

    def hour(self) -> Hour:
        """As it is kept."""
        return Hour(self.start, [Entry(names, sums) for names, sums in self.entries.items()], dict(self.idle))


class Tally:
    """See the module. ``mark`` is this worker's own, ``most`` the different names of an hour. ``models`` and ``saved``
    are sums since the start, for metrics."""

    def __init__(self, mark: str, most: int) -> None:
        self.most = most
        self._mark = mark
        self._made = 0
        self._buckets: dict[int, Bucket] = {}
        self.models: dict[tuple[str, str], int] = {}
        self.saved = dict.fromkeys(WAYS, 0)
        self.idle: dict[str, int] = {}
        self.unpriced = 0

    def take(self, rows: Iterable[Record]) -> None:
        """Count calls."""
        for row in rows:
            self._count(Finished._make(row))

    def rest(self, upstream: str, cost: int, at: float) -> None:
        """Time of an upstream was paid for in which no call was there."""
        bucket = self._bucket(at)
        bucket.idle[upstream] = bucket.idle.get(upstream, 0) + cost
        self.idle[upstream] = self.idle.get(upstream, 0) + cost

    def changed(self) -> list[Bucket]:
        """What is to be stored."""
        return [bucket for bucket in self._buckets.values() if bucket.changed]

    def forget(self, before: float) -> None:
        """Hours that are stored and have been over since ``before``: what came late would be one anew."""
        for start in [start for start, one in self._buckets.items() if start + HOUR <= before and not one.changed]:
            del self._buckets[start]

    def _bucket(self, at: float) -> Bucket:
        start = int(at) // HOUR * HOUR
        bucket = self._buckets.get(start)
        if bucket is None:
            self._made += 1
            bucket = self._buckets[start] = Bucket(start, f"{self._mark}.{self._made}", self.most)
        bucket.changed = True
        return bucket

    def _count(self, call: Finished) -> None:
        upstream = call.upstream.partition("@")[0]
        model = call.model if call.known else ""  # else it is whatever the caller wrote
        names = (call.key, model, upstream, call.tags[:MOST_NAME_CHARACTERS])
        sums = self._bucket(call.at).sums(names)
        sums.calls += 1
        sums.tokens_in += call.tokens_in
        sums.tokens_cached += call.tokens_cached
        sums.tokens_out += call.tokens_out
        sums.cost += call.cost
        for what, amount in (call.money or {}).items():
            if what in _TOLD:
                setattr(sums, what, getattr(sums, what) + amount)
            if what in self.saved:
                self.saved[what] += amount
            elif what == "unpriced":
                self.unpriced += amount
        if call.cost:
            name = (call.model, upstream)
            if name not in self.models and len(self.models) >= self.most:
                name = (OTHER, OTHER)
            self.models[name] = self.models.get(name, 0) + call.cost

    def dump(self) -> dict[str, Any]:
        """For metrics, as plain values."""
        models = [[model, upstream, cost] for (model, upstream), cost in self.models.items()]
        return {"models": models, "saved": dict(self.saved), "idle": dict(self.idle), "unpriced": self.unpriced}

    def __repr__(self) -> str:
        return f"<Tally of {len(self._buckets)} hours>"


_decode = msgspec.msgpack.Decoder(Hour).decode
_encode = msgspec.msgpack.Encoder().encode


def encoded(hour: Hour) -> bytes:
    """An Hour as bytes."""
    try:
        return _encode(hour)
    except OverflowError:
        entries = [Entry(entry.names, entry.sums.bounded()) for entry in hour.entries]
        return _encode(msgspec.structs.replace(hour, entries=entries))


def decoded(stored: bytes) -> Hour:
    """The Hour in ``stored``. Raises ValueError for bytes that are none."""
    return _decode(stored)


def folded(hours: Iterable[tuple[str, Hour]], start: int, seconds: int, most: int) -> Hour:
    """Many as one that stands for all of their time; ``parts`` says which, by the names given with them. Of more than
    ``most`` entries the cheapest are counted together."""
    sums: dict[Names, Sums] = {}
    idle: dict[str, int] = {}
    parts: list[str] = []
    for name, hour in hours:
        parts += [name, *hour.parts]
        for entry in hour.entries:
            sums.setdefault(entry.names, Sums()).add(entry.sums)
        for upstream, cost in hour.idle.items():
            idle[upstream] = idle.get(upstream, 0) + cost
    for names in sorted(sums, key=lambda names: (-sums[names].cost, -sums[names].calls, names))[most:]:
        rest = sums.pop(names)
        sums.setdefault(_REST, Sums()).add(rest)
    return Hour(start, [Entry(names, sums[names]) for names in sorted(sums)], idle, seconds, parts)

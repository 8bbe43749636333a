"""Spending in one hour as it is kept: sums by key, model, upstream and tags, as bytes, and many hours as one. Pure.

Enters: bytes, Hours. Leaves: Hours, bytes. May fail: ValueError for bytes that are no Hour.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.core.windows import OTHER

HOUR = 3600
MOST = 2**63 - 1
"""What is more cannot be written."""
WAYS = ("cache", "coalescing", "batching", "routing", "prompt_cache")
"""What spares money."""
REST = (OTHER, OTHER, OTHER, OTHER)
"""What is past the bound."""
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
        sums.setdefault(REST, Sums()).add(rest)
    return Hour(start, [Entry(names, sums[names]) for names in sorted(sums)], idle, seconds, parts)

"""The past in the store: blocks of windows' columns, by host, tier, time and column.

Enters: packed windows. Leaves: the columns that are asked for, of those of a span of time, of all hosts that share the
store. May fail: not at all; while the store is away nothing is found, and what was written meanwhile is lost but for
the newest block of each tier. Each host writes under its own name, so that none waits for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from penstock.core.stored import Store
from penstock.history.former import blocks_of
from penstock.history.packing import COLUMNS, HEAD
from penstock.history.tiers import HOUR, Tier, floor_of

TABLE = "history"
HOSTS = "history_hosts"
MOST_HOSTS = 200
Block = dict[int, bytes]
"""A column of windows, by their start."""
Blocks = dict[str, Block]
"""By column."""


class Seen(msgspec.Struct, array_like=True):
    """When a host wrote its first and its newest window of ten seconds."""

    first: float
    last: float


_encode = msgspec.msgpack.Encoder().encode
_block = msgspec.msgpack.Decoder(Block).decode
_seen = msgspec.msgpack.Decoder(Seen).decode


class Shelf:
    """See the module. ``keep``: for how long each tier is kept, by name."""

    def __init__(self, store: Store, host: str, keep: Mapping[str, float], wall: Callable[[], float]) -> None:
        self._store = store
        self._records = store.records(TABLE)
        self._hosts = store.records(HOSTS)
        self._wall = wall
        self._own: dict[str, tuple[int, Blocks]] = {}
        self._first = 0.0
        self.host = host
        self.keep = dict(keep)
        self.lost = 0

    async def reached(self) -> bool:
        """Whether the store answers."""
        return await self._store.flush()

    async def last(self) -> float | None:
        """The start of the newest window of ten seconds that this host wrote; None if it wrote none."""
        stored = await self._hosts.get(self.host.encode())
        seen = None if stored is None else _read_seen(stored)
        self._first = self._wall() if seen is None else seen.first
        return None if seen is None else seen.last

    def mark(self, start: float) -> None:
        """The window of ten seconds from ``start`` on was written."""
        self._first = min(self._first or start, start)
        self._hosts.put(self.host.encode(), _encode(Seen(self._first, start)), self._wall() + self.keep[HOUR.name])

    async def put(self, tier: Tier, start: float, columns: Mapping[str, bytes]) -> None:
        """Write the packed window that begins at ``start``; one that is there already is replaced."""
        begin = floor_of(start, tier)
        held = self._own.get(tier.name)
        if held is None or held[0] != begin:
            held = self._own[tier.name] = begin, await self._load(self.host, tier, begin, COLUMNS)
        expires = begin + tier.block + self.keep[tier.name]
        lost = False
        for name in sorted(columns, key=HEAD.__eq__):  # the head last: with it the window is there
            block = held[1].setdefault(name, {})
            block[int(start)] = columns[name]
            lost = not self._records.put(_key(self.host, tier, begin, name), _encode(block), expires) or lost
        self.lost += lost

    async def read(
        self, tier: Tier, since: float, until: float, wanted: Sequence[str] = COLUMNS
    ) -> AsyncIterator[tuple[int, dict[str, bytes]]]:
        """The columns ``wanted`` of the windows that begin in the span, with the number of their host: block by block,
        one at a time, so that calls which ask the store do not wait behind them."""
        hosts = await self.hosts()
        begin = floor_of(max(since, self._wall() - self.keep[tier.name] - tier.block), tier)
        while begin < until:
            for number, (host, seen) in enumerate(hosts):
                if seen.first - tier.block <= begin <= seen.last:
                    blocks = await self._read(host, tier, begin, wanted)
                    for start in blocks.get(HEAD, ()):
                        if since <= start < until:
                            yield number, {name: block[start] for name, block in blocks.items() if start in block}
            begin += int(tier.block)

    async def hosts(self) -> list[tuple[str, Seen]]:
        """Those that have something kept; this one is always the first."""
        found: dict[str, Seen] = {}
        async for batch in self._hosts.scan():
            for key, value in batch:
                seen = _read_seen(value)
                if seen is not None:
                    found[key.decode("utf-8", "replace")] = seen
        own = found.pop(self.host, None) or Seen(self._first, self._wall())
        others = sorted(found.items(), key=lambda one: -one[1].last)[: MOST_HOSTS - 1]
        return [(self.host, Seen(own.first, self._wall())), *others]

    async def _read(self, host: str, tier: Tier, begin: int, wanted: Sequence[str]) -> Blocks:
        held = self._own.get(tier.name)
        if host == self.host and held is not None and held[0] == begin:
            return {name: dict(held[1].get(name, {})) for name in wanted}
        return await self._load(host, tier, begin, wanted)

    async def _load(self, host: str, tier: Tier, begin: int, wanted: Sequence[str]) -> Blocks:
        keys = [_key(host, tier, begin, name) for name in wanted]
        blocks = dict(zip(wanted, await asyncio.gather(*map(self._block, keys)), strict=True))
        return blocks if blocks[HEAD] else blocks_of(await self._block(_key(host, tier, begin)), wanted)

    async def _block(self, key: bytes) -> Block:
        stored = await self._records.get(key)
        try:
            return {} if stored is None else _block(stored)
        except ValueError:  # of another version
            return {}

    def __repr__(self) -> str:
        return f"<Shelf of {self.host}, {self.lost} lost>"


def _key(host: str, tier: Tier, begin: int, *column: str) -> bytes:
    return "|".join((host, tier.name, str(begin), *column)).encode()


def _read_seen(stored: bytes) -> Seen | None:
    try:
        return _seen(stored)
    except ValueError:
        return None

"""The past in the store: blocks of packed windows, by host, tier and time.

Enters: packed windows. Leaves: those of a span of time, of all hosts that share the store. May fail: not at all; while
the store is away nothing is found, and what was written meanwhile is lost but for the newest block of each tier. Each
host writes under its own name, so that none waits for another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from penstock.core.stored import Store
from penstock.history.tiers import HOUR, Tier, floor_of

TABLE = "history"
HOSTS = "history_hosts"
MOST_HOSTS = 200
Block = dict[int, bytes]
"""Packed windows by their start."""


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
        self._own: dict[str, tuple[int, Block]] = {}
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

    async def put(self, tier: Tier, start: float, text: bytes) -> None:
        """Write the packed window that begins at ``start``; one that is there already is replaced."""
        begin = floor_of(start, tier)
        held = self._own.get(tier.name)
        if held is None or held[0] != begin:
            held = self._own[tier.name] = begin, await self._load(self._key(self.host, tier, begin))
        held[1][int(start)] = text
        expires = begin + tier.block + self.keep[tier.name]
        if not self._records.put(self._key(self.host, tier, begin), _encode(held[1]), expires):
            self.lost += 1

    async def read(self, tier: Tier, since: float, until: float) -> AsyncIterator[tuple[int, bytes]]:
        """The packed windows that begin in the span, with the number of their host: block by block, one at a time, so
        that calls which ask the store do not wait behind them."""
        hosts = await self.hosts()
        begin = floor_of(max(since, self._wall() - self.keep[tier.name] - tier.block), tier)
        while begin < until:
            for number, (host, seen) in enumerate(hosts):
                if seen.first - tier.block <= begin <= seen.last:
                    for start, text in (await self._read(host, tier, begin)).items():
                        if since <= start < until:
                            yield number, text
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

    async def _read(self, host: str, tier: Tier, begin: int) -> Block:
        held = self._own.get(tier.name)
        if host == self.host and held is not None and held[0] == begin:
            return dict(held[1])
        return await self._load(self._key(host, tier, begin))

    async def _load(self, key: bytes) -> Block:
        stored = await self._records.get(key)
        if stored is None:
            return {}
        try:
            return _block(stored)
        except ValueError:  # of another version
            return {}

    @staticmethod
    def _key(host: str, tier: Tier, begin: int) -> bytes:
        return f"{host}|{tier.name}|{begin}".encode()

    def __repr__(self) -> str:
        return f"<Shelf of {self.host}, {self.lost} lost>"


def _read_seen(stored: bytes) -> Seen | None:
    try:
        return _seen(stored)
    except ValueError:
        return None

"""Spending, summed up by hour, key, model, upstream and tags, as a worker counts it. Pure.

Enters: records of finished calls. Leaves: ``Hour``s, which stand for what one worker saw in one hour. They are bounded:
past the bound tags, then all names are counted together as OTHER.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core.finished import Record
from penstock.core.sheaves import Sheaf, sheaves
from penstock.core.windows import OTHER
from penstock.cost.hours import HOUR, REST, WAYS, Entry, Hour, Names, Sums

MOST_NAME_CHARACTERS: Final = 200
_TOLD: Final = frozenset({*WAYS, "estimated", "unpriced"})


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
                    names = REST
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
        self.add(sheaves(list(rows)))

    def add(self, those: Iterable[Sheaf]) -> None:
        """Count calls that are put together already."""
        for sheaf in those:
            columns = sheaf.columns
            for key, tags, at, into, cached, out, cost, money in zip(
                columns.key, columns.tags, columns.at, columns.tokens_in, columns.tokens_cached, columns.tokens_out,
                columns.cost, columns.money, strict=True,
            ):  # fmt: skip
                sums = self._bucket(at).sums((key, sheaf.entry, sheaf.upstream, tags[:MOST_NAME_CHARACTERS]))
                sums.calls += 1
                sums.tokens_in += into
                sums.tokens_cached += cached
                sums.tokens_out += out
                sums.cost += cost
                if money is not None:
                    self._tell(sums, money)
            if spent := sum(columns.cost):
                name = (sheaf.model, sheaf.upstream)
                if name not in self.models and len(self.models) >= self.most:
                    name = (OTHER, OTHER)
                self.models[name] = self.models.get(name, 0) + spent

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

    def _tell(self, sums: Sums, money: Mapping[str, int]) -> None:
        """How cost and saving came about."""
        for what, amount in money.items():
            if what in _TOLD:
                setattr(sums, what, getattr(sums, what) + amount)
            if what in self.saved:
                self.saved[what] += amount
            elif what == "unpriced":
                self.unpriced += amount

    def dump(self) -> dict[str, Any]:
        """For metrics, as plain values."""
        models = [[model, upstream, cost] for (model, upstream), cost in self.models.items()]
        return {"models": models, "saved": dict(self.saved), "idle": dict(self.idle), "unpriced": self.unpriced}

    def __repr__(self) -> str:
        return f"<Tally of {len(self._buckets)} hours>"

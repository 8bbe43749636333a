"""All entries that this worker may hit, by their digests: so that a miss is decided in memory. Pure.

Enters: entries as they are made here or told by the store's log, and what ends them. Leaves: the entry of a question,
or None. Bounded in entries and in the bytes of their answers: the least worth go. May fail: not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from penstock.cache.config import InvalidationConfig
from penstock.cache.entry import ENTRY_BYTES, Entry
from penstock.cache.invalidation import AHEAD_SECONDS, verdict
from penstock.cache.tinylfu import Sketch, TinyLfu

MOST_FLUSHES = 1000
"""Remembered; the oldest are of no use any more, for what was under way then has ended."""

MOST_TEXTS = 10_000
"""Shared between entries."""

Gone = Callable[[Entry, str], None]


class Directory:
    """See the module. ``oldest``: entries whose time is over stay until they are so old (seconds), for those who may be
    told them still. ``gone`` is told of each entry that goes, and why. Whoever lets it go for everybody tells the
    store; what another worker let go is told with ``forget``."""

    def __init__(self, entries: int, total: int, gone: Gone) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.rules = InvalidationConfig()
        self.oldest = 0.0
        self.evicted = Counter[str]()
        self._gone = gone
        self.sketch = Sketch(entries)
        self._order = _order(total, self.sketch)
        self._most = entries
        self._flushes: dict[tuple[tuple[str, str], ...], float] = {}  # of one condition or none, found by what fits
        self._combined: dict[tuple[tuple[str, str], ...], float] = {}
        self._newest_flush = 0.0
        self._extra = 0  # bytes of tags: they make entries large, and so few
        self._named: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._flushing = 0
        self._renamed = False  # no upstream yet: what is always so need not be looked up each time
        self._texts: dict[Any, Any] = {}

    def follow(self, entries: int, total: int, rules: InvalidationConfig) -> None:
        """Other bounds and rules from now on."""
        self._most = entries
        self._order.bound = total
        self.rules = rules

    @property
    def held(self) -> int:
        """Of all answers."""
        return self._order.held

    @property
    def entry_bytes(self) -> int:
        """What the entries themselves take in memory, about."""
        return len(self.entries) * ENTRY_BYTES + self._extra

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def find(self, id: bytes, wall: float, stale: float = 0.0) -> Entry | None:
        """The entry of that digest, if it may still be told: with ``stale`` also one whose time is over and that is no
        older than that."""
        entry = self.entries.get(id)
        if entry is None:
            return None
        young = -AHEAD_SECONDS <= wall - entry.created <= self.rules.max_age
        if not young or wall >= entry.expires or self._renamed or self._flushing:
            reason = "flushed" if self._flushing and self.is_flushed(entry) else self.reason(entry, wall)
            if reason:
                self.drop(entry, reason)
                return None
            if wall >= entry.expires and wall - entry.created > stale:
                return None
        return entry

    def reason(self, entry: Entry, wall: float) -> str:
        """Why ``entry`` has to go; "" if it stays."""
        if self._is_renamed(entry):
            return "model_changed"
        reason = verdict(entry, self.rules, wall)
        return "" if reason == "expired" and entry.expires <= wall < self.until(entry) else reason

    def until(self, entry: Entry) -> float:
        """How long it is kept. Of a class that may have a shorter time by rule nothing is kept beyond it."""
        if not self.oldest or entry.classification:
            return entry.expires
        return max(entry.expires, entry.created + self.oldest)

    def used(self, entry: Entry, wall: float) -> None:
        """It was told again."""
        entry.accesses += 1
        entry.accessed = wall
        self.sketch.add(entry.id)
        self._order.get(entry.id)

    # ---- changes

    def put(self, entry: Entry, *, counted: bool = True) -> bool:
        """Take an entry in, in place of another one of its digest. False when it is not worth its place, or is from
        before a flush that concerns it: then it is not here. ``counted``: it was made here, not told by others."""
        if self.is_flushed(entry):
            self.evicted["flushed"] += counted
            return False
        if entry.id in self.entries:
            self.forget(entry.id)
            self.evicted["replaced"] += counted
        self._share(entry)
        if counted:
            self.sketch.add(entry.id)  # it was asked for; a question whose answer is not kept need not be counted
        self._note_name(entry)
        self.entries[entry.id] = entry
        self._extra += entry.extra
        for _, gone in self._order.add(entry.id, entry):
            self.drop(gone, "full")
        while self._is_full() and (dropped := self._order.drop()) is not None:
            self.drop(dropped[1], "full")
        return entry.id in self.entries

    def _is_full(self) -> bool:
        return self.entry_bytes >= (self._most + 1) * ENTRY_BYTES

    def drop(self, entry: Entry, reason: str) -> None:
        """Let it go, for everybody."""
        if self.forget(entry.id) is not None:
            self.evicted[reason] += 1
            self._gone(entry, reason)

    def forget(self, id: bytes) -> Entry | None:
        """It is gone here; the store and the counts know."""
        entry = self.entries.pop(id, None)
        if entry is not None:
            self._order.remove(id)
            self._extra -= entry.extra
        return entry

    def clear(self) -> None:
        """Forget all entries: the store is read anew."""
        self.entries = {}
        self._extra = 0
        self._order = _order(self._order.bound, self.sketch)

    def flush(self, what: dict[str, str], wall: float) -> list[Entry]:
        """Everything that fits all of ``what`` goes, also what was asked before ``wall`` and is still under way. Gives
        those that were here; they are forgotten, and the store is to be told."""
        those = [entry for entry in self.begin_flush(what, wall) if entry.asked <= wall and fits(entry, what)]
        for entry in those:
            self.forget(entry.id)
        self.end_flush()
        return those

    def begin_flush(self, what: dict[str, str], wall: float) -> list[Entry]:
        """The same, for who lets them go a few at a time: none of them is found now. Gives all that are here."""
        key = tuple(sorted(what.items()))
        flushes = self._combined if len(key) > 1 else self._flushes
        flushes[key] = max(wall, flushes.pop(key, 0.0))
        self._newest_flush = max(wall, self._newest_flush)
        while len(flushes) > MOST_FLUSHES:
            del flushes[next(iter(flushes))]
        self._flushing += 1
        return list(self.entries.values())

    def end_flush(self) -> None:
        """All of them are gone."""
        self._flushing -= 1

    def is_flushed(self, entry: Entry) -> bool:
        """Whether it was asked before a flush that concerns it."""
        if entry.asked > self._newest_flush:
            return False  # nearly always: it was made here
        when = self._flushes.get
        return any(when(key, -1.0) >= entry.asked for key in _flushed_by(entry)) or any(
            entry.asked <= wall and fits(entry, dict(key)) for key, wall in self._combined.items()
        )

    def sweep(self, wall: float, ids: Iterable[bytes]) -> int:
        """Look at those of ``ids`` that are here. Gives how many went."""
        before = len(self.entries)
        for id in ids:
            entry = self.entries.get(id)
            if entry is not None and (reason := self.reason(entry, wall)):
                self.drop(entry, reason)
        return before - len(self.entries)

    # ---- another model behind the same name

    def _note_name(self, entry: Entry) -> None:
        """What an upstream calls a model, as its newest answer says. One pattern may stand for many models."""
        if not entry.named:
            return
        key = (entry.model, entry.called, entry.upstream)
        known = self._named.get(key)
        if known is None and len(self._named) >= MOST_FLUSHES:
            self._named.clear()
        if known is None:
            self._named[key] = (entry.asked, entry.named)
        elif entry.named != known[1]:
            self._renamed = True
            if entry.asked >= known[0]:
                self._named[key] = (entry.asked, entry.named)

    def _is_renamed(self, entry: Entry) -> bool:
        known = self._named.get((entry.model, entry.called, entry.upstream))
        return known is not None and known[1] != entry.named and bool(entry.named)

    def _share(self, entry: Entry) -> None:
        """One object for equal texts: there are few of them, and many entries."""
        texts = self._texts
        if len(texts) > MOST_TEXTS:
            texts.clear()
        one = texts.setdefault  # written out: a loop over the names takes three times as long
        entry.operation = one(entry.operation, entry.operation)
        entry.model = one(entry.model, entry.model)
        entry.upstream = one(entry.upstream, entry.upstream)
        entry.named = one(entry.named, entry.named)
        entry.called = one(entry.called, entry.called)
        entry.classification = one(entry.classification, entry.classification)
        entry.tags = one(entry.tags, entry.tags)
        entry.scope = one(entry.scope, entry.scope)
        entry.by = one(entry.by, entry.by)

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return {"entries": len(self.entries), "bytes": self.held, "evicted": dict(self.evicted)}

    def __repr__(self) -> str:
        return f"<Directory {len(self.entries)} of {self._most} entries, {self._order!r}>"


FLUSHABLE = ("model", "tag", "scope", "classification", "upstream", "id")


def _flushed_by(entry: Entry) -> Iterator[tuple[tuple[str, str], ...]]:
    """What a flush may say, of no condition or of one, that reaches ``entry``."""
    yield ()
    yield (("id", entry.id.hex()),)
    yield (("model", entry.model),)
    yield (("upstream", entry.upstream),)
    yield (("scope", entry.scope.hex()),)
    yield (("classification", entry.classification),)
    for tag in entry.tags:
        yield (("tag", tag),)


def fits(entry: Entry, what: dict[str, str]) -> bool:
    """Whether ``entry`` is of that model, tag, scope, class, upstream and id, as far as they are given."""
    for name, value in what.items():
        if name == "tag":
            if value not in entry.tags:
                return False
        elif name == "id":
            if entry.id.hex() != value:
                return False
        elif name == "scope":
            if entry.scope.hex() != value:
                return False
        elif getattr(entry, name) != value:
            return False
    return True


def _order(total: int, sketch: Sketch) -> TinyLfu[Entry]:
    return TinyLfu(total, sketch, lambda entry: entry.size + ENTRY_BYTES, lambda _, entry: entry.worth)

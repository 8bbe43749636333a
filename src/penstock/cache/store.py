"""All that is kept: the directory, the answers in memory, and the store behind them that others share.

Enters: answers to keep, entries to tell again or to let go. Leaves: the same to the store and its log, queued. What
the store cannot give (it is away, its bytes are damaged) is a miss. May fail: not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from penstock.cache.config import CacheConfig
from penstock.cache.counts import Counts
from penstock.cache.directory import Directory
from penstock.cache.entry import Answer, Entry, answer_of, entry_bytes, entry_of
from penstock.cache.hearing import ROW, Hearing
from penstock.cache.recall import Recall
from penstock.cache.replay import converted
from penstock.cache.rows import Flushed, Gone, Row, Stored, Used, row_bytes
from penstock.cache.sealed import Seal
from penstock.cache.tier import OTHER, Tier
from penstock.cache.uses import Uses
from penstock.core.ports import Account
from penstock.core.stored import Store
from penstock.wire.asked import DIGEST_BYTES

log = logging.getLogger("penstock")

ENTRIES, ANSWERS, LOG = "cache", "cache_answers", "cache"
LOG_ROWS = 50_000
MOST_AGAIN = 100
"""Flushes told again at a time."""
FETCH_SECONDS = 0.25
"""Waited for an answer in the store: a call must not hang on it."""
BREATH_SECONDS = 0.005
_TOLD = frozenset({"expired", "lost", "flushed"})
"""Reasons that every worker finds out by itself, or was told of."""

Watcher = Callable[[Entry | None, bytes], None]
"""Told of each entry that comes, with its id; with None of one that goes, and of all at once where the id is empty."""


class Shelf(Hearing):
    """See the module. ``store`` None: what is not held in memory is gone. ``seal`` is None until the deployment's
    secret is known: until then, and while ``ready`` is false, nothing is found and nothing kept."""

    def __init__(
        self, store: Store | None, account: Account, config: CacheConfig, me: str, wall: Callable[[], float]
    ) -> None:
        self.store = store
        self.wall = wall
        self.me = me
        self.ready = False
        self.secret = b""
        self.seal: Seal | None = None
        self.counts = Counts()
        self.account = account
        self.config = config
        self.directory = Directory(config.entries, config.total, self._gone)
        self.tier = Tier(account, config.memory, self.directory.sketch, self._worth)
        self.recall = Recall(account)
        self.watchers: list[Watcher] = []
        self._uses = Uses()
        self.untold = {}

    def _worth(self, id: bytes) -> float:
        entry = self.directory.entries.get(id[:DIGEST_BYTES])
        return 0.0 if entry is None else entry.worth

    def follow(self, config: CacheConfig) -> None:
        """Keep as ``config`` says from now on."""
        self.config = config
        self.directory.follow(config.entries, config.total, config.invalidation)
        self.tier.resize(config.memory)

    def open(self, secret: bytes, passphrase: str | None) -> None:
        """From now on the deployment's secret is known. Raises ConfigError."""
        self.seal = Seal(secret, passphrase)
        self.secret = secret

    # ---- reading

    def find(self, id: bytes, stale: float = 0.0) -> Entry | None:
        """The entry of that digest, if it may be told."""
        if not self.ready:
            return None
        return self.directory.find(id, self.wall(), stale)

    def held(self, entry: Entry) -> Answer | None:
        """Its answer, if it is in memory."""
        return self.tier.get(entry.id)

    async def fetch(self, entry: Entry) -> Answer | None:
        """Its answer from the store. None: it is gone, or damaged, and so is the entry then; or the store is slow."""
        if self.store is None or self.seal is None:
            self.directory.drop(entry, "lost")
            return None
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                sealed = await self.store.records(ANSWERS).get(entry.id)
        except (TimeoutError, OSError):
            return None
        if self.directory.entries.get(entry.id) is not entry:
            return None  # let go, or replaced, meanwhile
        if sealed is None:
            self.directory.drop(entry, "lost")
            return None
        try:
            data = self.seal.open(entry.id, sealed)
            answer = None if data is None else answer_of(data)
            if answer is not None and answer.streamed:
                answer.frames()
        except ValueError:
            answer = None
        if answer is None:
            log.warning("the cached answer %s is damaged, or was made with another secret: it is dropped", entry.name)
            self.directory.drop(entry, "damaged")
            return None
        self.tier.put(entry.id, answer)
        return answer

    def form(self, entry: Entry, answer: Answer, *, streamed: bool) -> Answer:
        """The answer as a stream, or whole. What had to be converted is held beside it, so that this is done once: of a
        long answer it takes a millisecond and more. Raises UpstreamError where it cannot be."""
        if answer.streamed == streamed:
            return answer
        other = self.tier.get(entry.id + OTHER)
        if other is None:
            other = converted(entry.operation, answer, entry)
            self.tier.put(entry.id + OTHER, other)
        return other

    def used(self, entry: Entry, wall: float | None = None, *, pressing: bool = False) -> None:
        """It was told again. ``pressing``: what is told many times in a breath counts once for what may go first."""
        wall = self.wall() if wall is None else wall
        if pressing and 0 <= wall - entry.accessed < BREATH_SECONDS:
            entry.accesses += 1
            entry.accessed = wall
        else:
            self.directory.used(entry, wall)
        self._uses.add(entry.id, wall)

    # ---- writing

    def keep(self, entry: Entry, answer: Answer) -> bool:
        """Keep an answer; False when it is not kept."""
        if self.seal is None or not self.ready:
            return False
        if self.store is not None:
            sealed = self.seal.close(entry.id, entry_bytes(answer))
            if not self.store.records(ANSWERS).put(entry.id, sealed, self.directory.until(entry)):
                self.counts.stores["lost"] += 1
                return False
        if not self.directory.put(entry):
            self._delete([entry.id])
            return False
        for id in self.tier.put(entry.id, answer):
            if self.store is None and (gone := self.directory.entries.get(id)) is not None:
                self.directory.drop(gone, "full")
        if entry.id not in self.directory.entries:
            return False
        self._write(entry)
        self._tell(Stored(self.me, entry))
        self._changed(entry, entry.id)
        self.counts.stores["kept"] += 1
        return True

    def _write(self, entry: Entry) -> None:
        if self.store is not None and self.seal is not None:
            data = self.seal.sign(entry.id, entry_bytes(entry))
            self.store.records(ENTRIES).put(entry.id, data, self.directory.until(entry))

    def regroup(self, entry: Entry) -> None:
        """Its ``group`` was found out after it was kept."""
        self._write(entry)
        self._tell(Stored(self.me, entry))

    def flush(self, what: dict[str, str]) -> list[Entry]:
        """All that fits ``what`` goes, at every worker. Where there may be many, ``service.flush`` takes turns."""
        wall = self.wall()
        those = self.directory.flush(what, wall)
        self.directory.evicted["flushed"] += len(those)
        self._tell(Flushed(self.me, what, wall))
        self.let_go([entry.id for entry in those])
        return those

    def drop(self, entries: Iterable[Entry], reason: str) -> int:
        """Let them go, at every worker."""
        those = list(entries)
        for entry in those:
            self.directory.drop(entry, reason)
        return len(those)

    def _gone(self, entry: Entry, reason: str) -> None:
        """The directory let one go."""
        if reason == "damaged":  # or of another key: then others can read it, and it is theirs to let go
            self._forgotten(entry.id)
            return
        self.let_go([entry.id])
        if reason not in _TOLD:
            self._tell(Gone(self.me, [entry.id], reason))

    def let_go(self, ids: list[bytes]) -> None:
        """The directory has forgotten them."""
        for id in ids:
            self._forgotten(id)
        self._delete(ids)

    def _delete(self, ids: list[bytes]) -> None:
        if self.store is not None and ids:
            self.store.records(ENTRIES).delete(ids)
            self.store.records(ANSWERS).delete(ids)

    def _changed(self, entry: Entry | None, id: bytes) -> None:
        for watcher in self.watchers:
            watcher(entry, id)

    def _tell(self, row: Row) -> None:
        if self.store is not None and self.store.shared and self.seal is not None:
            if isinstance(row, Flushed):
                self.note_untold(row)
            self.store.log(LOG, LOG_ROWS).append(self.seal.sign(ROW, row_bytes(row)))

    def tell(self, row: Row) -> None:
        """Tell the other workers."""
        self._tell(row)

    def tell_again(self) -> None:
        """Of flushes that the log has not shown, the first: they were lost while the store was away."""
        for row in list(self.untold.values())[:MOST_AGAIN]:
            self._tell(row)

    # ---- what others did

    def _forgotten(self, id: bytes) -> None:
        self.tier.drop(id)
        self.recall.forget(id)
        self._uses.forget(id)
        self._changed(None, id)

    def take_entry(self, entry: Entry) -> None:
        """An entry that somebody else made."""
        known = self.directory.entries.get(entry.id)
        if known is not None and known.created >= entry.created:
            if known.created == entry.created and known.group != entry.group:
                known.group = entry.group
                self._changed(known, known.id)
            return
        if known is not None:
            self.tier.drop(entry.id)
        if self.directory.put(entry, counted=False):
            self._changed(entry, entry.id)
        elif known is None and self.directory.is_flushed(entry):
            # Its maker did not hear of the flush, nor perhaps did others: the store was away, or they have just begun.
            self._delete([entry.id])
            self._tell(Gone(self.me, [entry.id], "flushed"))

    def take_stored(self, id: bytes, data: bytes) -> None:
        """A record of the table of entries."""
        try:
            signed = None if self.seal is None else self.seal.signed(id, data)
            entry = None if signed is None else entry_of(signed)
        except ValueError:
            entry = None
        if entry is not None and entry.id == id and self.directory.until(entry) > self.wall():
            self.take_entry(entry)
        elif entry is None:
            self.directory.evicted["damaged"] += 1

    def clear(self) -> None:
        """Forget all that was known; the store is read anew."""
        self.ready = False
        self.directory.clear()
        self.tier.clear()
        self.recall.clear()
        self._uses.clear()
        self._changed(None, b"")

    def tell_uses(self, most: int) -> None:
        """Write down how often entries were told, some of them."""
        uses = self._uses.take(most)
        if not uses:
            return
        for id, _, _ in uses:
            entry = self.directory.entries.get(id)
            if entry is not None:
                self._write(entry)
        self._tell(Used(self.me, uses))

    def dump(self) -> dict[str, Any]:
        """Plain values, for metrics and status."""
        return {
            "ready": self.ready, "memory_answers": len(self.tier), "memory_bytes": self.tier.held,
            "entry_bytes": self.directory.entry_bytes, **self.directory.told(), **self.counts.dump(),
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Shelf {'ready' if self.ready else 'not ready'} {self.directory!r}>"

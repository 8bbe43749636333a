"""The loop that keeps a worker's shelf like the store: scans at start, then follows the log; looks at old entries.

Enters: what others wrote. Leaves: a shelf that is ready while the store can be reached: else others' deletes would not
be heard, and an answer might be told that was taken back. Fails only for defects; it is started again then.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import secrets
from collections.abc import Callable

from penstock.cache.directory import fits
from penstock.cache.entry import Entry
from penstock.cache.rows import Flushed
from penstock.cache.store import ANSWERS, ENTRIES, LOG, LOG_ROWS, Shelf
from penstock.core.stored import Missed, Store

log = logging.getLogger("penstock")

POLL_SECONDS = 0.5
AWAY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
PROBE_SECONDS = 1.0
SETTLE_SECONDS = 2.0
USES_SECONDS = 30.0
UNTOLD_SECONDS = 0.7
"""So long the log may take to show what was flushed here, before it is told again."""
MOST_USES = 500
ROWS = 100
SWEPT = 500
"""Entries looked at a turn: all of 100,000 within two minutes, none for long."""
SECRET = "cache_secret"
_CHUNK = 50
_READ = 20
"""Entries read at once: a call that comes meanwhile waits so long, a fifth of a millisecond."""
WAY_SECONDS = 0.001
"""Between two chunks while calls are under way: of 100,000 entries that makes five seconds more, at worst."""
_SEARCHED = 1000
MOST_NAMES = 1000
"""Told of what was flushed."""
_PROBE = "cache_probe"


class Following:
    """See the module. ``secret`` and ``passphrase`` tell what is configured, ``busy`` whether calls are under way: to
    read all entries takes a second or so, and calls go first."""

    name = "cache"

    def __init__(
        self,
        shelf: Shelf,
        secret: Callable[[], str | None],
        passphrase: Callable[[], str | None],
        now: Callable[[], float],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._shelf = shelf
        self._busy = busy
        self._secret = secret
        self._passphrase = passphrase
        self._now = now
        self._swept: list[bytes] = []
        self._made = secrets.token_bytes(32)
        self._opened: tuple[str | None, str | None] = (None, None)

    async def run(self) -> None:
        """Until cancelled."""
        shelf = self._shelf
        store = shelf.store
        if store is None:
            await self._alone()
            return
        pause = AWAY_SECONDS
        while True:
            try:
                await self._agree(store)
                await (self._follow(store) if store.shared else self._own(store))
            except OSError as error:
                if shelf.ready:
                    log.warning("the cache waits for its store: %s", error)
                shelf.ready = False
                await asyncio.sleep(AWAY_SECONDS)
            except Missed as missed:
                if shelf.ready:
                    log.info("the cache reads its store anew")
                    shelf.ready, pause = False, AWAY_SECONDS
                    continue
                # It failed while it caught up: the next time would hardly be better at once.
                if pause == AWAY_SECONDS:
                    log.warning("the cache cannot catch up with its store, and tries on: %s", missed)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _alone(self) -> None:
        """Without a store: memory only."""
        shelf = self._shelf
        while True:
            shelf.clear()
            configured = self._configured()
            shelf.open(self._made if configured is None else configured.encode(), self._passphrase())
            shelf.ready = True
            while not self._is_reconfigured():
                await asyncio.sleep(POLL_SECONDS)
                self._tend()

    def _configured(self) -> str | None:
        """The secret that is configured. What is configured from now on is compared with it."""
        self._opened = (self._secret(), self._passphrase())
        return self._opened[0]

    def _is_reconfigured(self) -> bool:
        return (self._secret(), self._passphrase()) != self._opened

    async def _agree(self, store: Store) -> None:
        """One secret for all who share the store. Raises OSError. A worker that has agreed on one offers it again, so
        that a store which came back empty learns it; one that is configured never goes there."""
        shelf = self._shelf
        configured = self._configured()
        if configured is None:
            secret = self._made = await store.counters.once(SECRET, self._made)
        else:
            secret = configured.encode()
        if secret != shelf.secret:
            shelf.clear()
        shelf.open(secret, self._passphrase())

    async def _own(self, store: Store) -> None:
        """A store that nobody else writes to."""
        incarnation = store.incarnation
        await self._scan(store)
        self._shelf.ready = True
        while store.incarnation == incarnation and not self._is_reconfigured():
            await asyncio.sleep(POLL_SECONDS)
            self._tend()
        raise Missed("the store began anew")

    async def _follow(self, store: Store) -> None:
        rows = store.log(LOG, LOG_ROWS)
        position = await rows.last()
        incarnation = store.incarnation
        await self._scan(store)
        told = probed = well = self._now()
        while True:
            found = await rows.read(position, ROWS, POLL_SECONDS if self._shelf.ready else 0.0)
            for at, data in found:
                row = self._shelf.read(data)
                if isinstance(row, Flushed):
                    await flush(self._shelf, row.what, row)
                elif row is not None:
                    self._shelf.take_row(row)
                position = at
            if store.incarnation != incarnation or self._is_reconfigured():
                raise Missed("the store began anew")
            now = self._now()
            if not found:
                if now - probed >= PROBE_SECONDS or not self._shelf.ready:
                    await store.counters.once(_PROBE, b"1")  # a store that is away says so here
                    probed = now
                self._shelf.ready = True
            if now - told >= USES_SECONDS:
                told = now
                self._shelf.tell_uses(MOST_USES)
            if not self._shelf.untold:
                well = now
            elif now - well >= UNTOLD_SECONDS:
                well = now
                self._shelf.tell_again()
            self._tend()
            await asyncio.sleep(0)

    async def _scan(self, store: Store) -> None:
        """Learn all that is there; what is known already and is there no more goes."""
        shelf = self._shelf
        shelf.clear()
        store.records(ANSWERS)
        async for batch in store.records(ENTRIES).scan():
            for start in range(0, len(batch), _READ):
                for id, data in batch[start : start + _READ]:
                    shelf.take_stored(id, data)
                await asyncio.sleep(WAY_SECONDS if self._busy() else 0)

    def _tend(self) -> None:
        """Look at some entries: those that are too old go."""
        directory = self._shelf.directory
        if not self._swept:
            self._swept = list(directory.entries)
        some, self._swept = self._swept[-SWEPT:], self._swept[:-SWEPT]
        directory.sweep(self._shelf.wall(), some)

    def __repr__(self) -> str:
        return f"<Following {self._shelf!r}>"


async def flush(shelf: Shelf, what: dict[str, str], told: Flushed | None = None) -> tuple[int, int, list[str]]:
    """All that fits ``what`` goes, at every worker: at once for who asks, a few at a time for the loop. Gives how many
    went, their bytes, and the names of some. ``told``: another worker said so."""
    wall = shelf.wall() if told is None else told.wall
    everything = shelf.directory.begin_flush(what, wall)
    if told is None:
        shelf.tell(Flushed(shelf.me, what, wall))
    count, size = 0, 0
    names: list[str] = []
    entries = shelf.directory.entries
    try:
        while everything:
            some = everything[-_CHUNK:]
            del everything[-_CHUNK:]  # as we go: to let go of all of them in the end would take long
            those = [one for one in some if one.asked <= wall and fits(one, what)]
            gone = [one for one in those if entries.get(one.id) is one and shelf.directory.forget(one.id)]
            shelf.let_go([one.id for one in gone])
            count += len(gone)
            size += sum(one.size for one in gone)
            names += [one.name for one in gone[: MOST_NAMES - len(names)]]
            await asyncio.sleep(0)
    finally:
        shelf.directory.end_flush()
        shelf.directory.evicted["flushed"] += count if told is None else 0
    return count, size, names


async def settled(shelf: Shelf) -> bool:
    """Wait until the store has what was queued so far, for a moment at most. False: it is away, or slow, or lost it."""
    if shelf.store is None:
        return True
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            return await shelf.store.flush()
    except TimeoutError:
        return False


async def search(
    shelf: Shelf, what: dict[str, str], limit: int, worth: Callable[[Entry], float]
) -> tuple[int, int, list[Entry]]:
    """How many entries fit ``what``, their bytes, and the ``limit`` largest by ``worth``; a few at a time, too."""
    everything = list(shelf.directory)
    count, size = 0, 0
    best: list[Entry] = []
    for start in range(0, len(everything), _SEARCHED):
        those = [one for one in everything[start : start + _SEARCHED] if fits(one, what)]
        count += len(those)
        size += sum(one.size for one in those)
        best = heapq.nlargest(limit, [*best, *those], key=worth)
        await asyncio.sleep(0)
    return count, size, best

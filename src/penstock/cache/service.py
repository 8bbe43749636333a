"""The loop that keeps a worker's shelf like the store: scans at start, then follows the log; looks at old entries.

Enters: what others wrote. Leaves: a shelf that is ready while the store can be reached: else others' deletes would not
be heard, and an answer might be told that was taken back. Fails only for defects; it is started again then.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable

from penstock.cache.store import ANSWERS, ENTRIES, LOG, LOG_ROWS, Shelf
from penstock.core.stored import Missed, Store

log = logging.getLogger("penstock")

POLL_SECONDS = 0.5
AWAY_SECONDS = 0.5
PROBE_SECONDS = 1.0
USES_SECONDS = 30.0
MOST_USES = 500
ROWS = 100
SWEPT = 500
"""Entries looked at a turn: all of 100,000 within two minutes, none for long."""
SECRET = "cache_secret"
_CHUNK = 50
_PROBE = "cache_probe"


class Following:
    """See the module. ``secret`` and ``passphrase`` tell what is configured."""

    name = "cache"

    def __init__(
        self,
        shelf: Shelf,
        secret: Callable[[], str | None],
        passphrase: Callable[[], str | None],
        now: Callable[[], float],
    ) -> None:
        self._shelf = shelf
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
        while True:
            try:
                await self._agree(store)
                await (self._follow(store) if store.shared else self._own(store))
            except OSError as error:
                if shelf.ready:
                    log.warning("the cache waits for its store: %s", error)
                shelf.ready = False
                await asyncio.sleep(AWAY_SECONDS)
            except Missed:
                log.info("the cache reads its store anew")
                shelf.ready = False

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
        told = probed = self._now()
        while True:
            found = await rows.read(position, ROWS, POLL_SECONDS if self._shelf.ready else 0.0)
            for at, data in found:
                self._shelf.take(data)
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
            self._tend()
            await asyncio.sleep(0)

    async def _scan(self, store: Store) -> None:
        """Learn all that is there; what is known already and is there no more goes."""
        shelf = self._shelf
        shelf.clear()
        store.records(ANSWERS)
        async for batch in store.records(ENTRIES).scan():
            for start in range(0, len(batch), _CHUNK):
                for id, data in itertools.islice(batch, start, start + _CHUNK):
                    shelf.take_stored(id, data)
                await asyncio.sleep(0)

    def _tend(self) -> None:
        """Look at some entries: those that are too old go."""
        directory = self._shelf.directory
        if not self._swept:
            self._swept = list(directory.entries)
        some, self._swept = self._swept[-SWEPT:], self._swept[:-SWEPT]
        directory.sweep(self._shelf.wall(), some)

    def __repr__(self) -> str:
        return f"<Following {self._shelf!r}>"

"""Fetches the secret with which the journal hashes: one for all who share the store, made by whoever came first.

May fail: not at all; while the store is away it is asked again and again, and rows go without hashes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from penstock.core.stored import Counters

NAME = "journal.secret"
AGAIN_SECONDS = 5.0


class Secret:
    """A service that ends when it has told ``take`` the secret."""

    name = "journal secret"

    def __init__(self, counters: Counters, take: Callable[[bytes], None], again: float = AGAIN_SECONDS) -> None:
        self._counters = counters
        self._take = take
        self._again = again

    async def run(self) -> None:
        """Ask until there is an answer."""
        mine = secrets.token_bytes(32)
        while True:
            try:
                kept = await self._counters.once(NAME, mine)
            except OSError:
                await asyncio.sleep(self._again)
            else:
                self._take(kept)
                return

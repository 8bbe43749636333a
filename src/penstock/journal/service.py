"""Fetches the secret with which the journal hashes, one for all who share the store; has old rows looked for.

May fail: not at all; while the store is away it is asked again and again, and rows go without hashes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from penstock.core.stored import Counters

NAME = "journal.secret"
AGAIN_SECONDS = 5.0
AGED_SECONDS = 60.0
"""Between two looks at which rows have become too old."""


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


class Ageing:
    """A service that has ``look`` done every now and then."""

    name = "journal ageing"

    def __init__(self, look: Callable[[], Awaitable[None]], every: float = AGED_SECONDS) -> None:
        self._look = look
        self._every = every

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._every)
            await self._look()

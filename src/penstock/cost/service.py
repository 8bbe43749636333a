"""Stores what was spent, a few seconds after it was, and folds days that are long over.

May fail: not at all; what the store does not take is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

EVERY_SECONDS = 2.0
FOLD_SECONDS = 3600.0
FIRST_FOLD_SECONDS = 60.0


class Keeper:
    """A service. ``write`` stores what is due, ``end`` all there is, ``fold`` makes fewer records of many."""

    name = "spend"

    def __init__(
        self, write: Callable[[], None], end: Callable[[], None], fold: Callable[[], Awaitable[object]] | None
    ) -> None:
        self._write = write
        self._end = end
        self._fold = fold

    async def run(self) -> None:
        """Until cancelled."""
        left = FIRST_FOLD_SECONDS
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                self._write()
                left -= EVERY_SECONDS
                if self._fold is not None and left <= 0:
                    left = FOLD_SECONDS
                    await self._fold()
        finally:
            self._end()

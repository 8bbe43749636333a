"""The calls that pass a gateway, put in windows when a test says so and not as time goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penstock.assemble import Gateway
from penstock.core.finished import Record
from penstock.core.windows import SPAN, Window
from tests.support.spans import window


class Passed:
    """``take`` is given the windows, of which the first begins at ``start``; those of the clock are kept from it."""

    def __init__(self, gateway: Gateway, take: Callable[[Window], None], start: float) -> None:
        assert gateway.watching is not None
        assert gateway.observed is not None
        if take in gateway.watching.takers:
            gateway.watching.takers.remove(take)
        self._rows: list[Record] = []
        self._observed = gateway.observed
        self._observed.takers.append(self._rows.extend)
        self._take = take
        self._start = start

    async def end_window(self, calls: int) -> None:
        """Once so many calls have ended in it."""
        async with asyncio.timeout(20):
            while len(self._rows) < calls:
                self._observed.hand_on()
                await asyncio.sleep(0.005)
        self._take(window(self._start, self._rows))
        self._rows.clear()
        self._start += SPAN

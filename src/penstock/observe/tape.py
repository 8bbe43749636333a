"""The tape of one worker: records of calls that have just ended, in order, until who measures is given them.

Enters: finished exchanges. Leaves: their records, many together. Bounded: ``full`` is called when there are as many as
may be.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.core.exchange import Exchange
from penstock.core.finished import Record, record


class Tape:
    """See the module. ``wall``: Unix seconds; ``full`` takes what is on it by ``cut``."""

    def __init__(self, wall: Callable[[], float], most: int, full: Callable[[], object]) -> None:
        self._rows: list[Record] = []
        self._wall = wall
        self._most = most
        self._full = full

    def take(self, exchange: Exchange) -> None:
        """Note a finished call."""
        self._rows.append(record(exchange, self._wall()))
        if len(self._rows) >= self._most:
            self._full()

    def cut(self) -> list[Record]:
        """What is on it, which is then empty."""
        rows, self._rows = self._rows, []
        return rows

    def __repr__(self) -> str:
        return f"<Tape {len(self._rows)} calls>"

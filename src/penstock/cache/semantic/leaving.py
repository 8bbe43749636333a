"""What is held no more, given up bit by bit: a hundred thousand objects at once would hold up calls for half a second.
Pure.

Enters: tables that nobody else uses any more. Leaves: each thing in them, told to ``last``. Bounded by who puts tables
in: whoever takes up a thing calls ``shed`` for more than one. May fail: not at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

SHED = 64
"""Things given up at a time: a third of a millisecond. A table of so many goes at once."""


class Leaving:
    """See the module."""

    __slots__ = ("_last", "_tables")

    def __init__(self, last: Callable[[Any], None]) -> None:
        self._last = last
        self._tables: deque[dict[Any, Any] | deque[Any]] = deque()

    def put(self, *tables: dict[Any, Any] | deque[Any]) -> None:
        """Give up what is in there: the values of a dictionary."""
        self._tables += tables
        if sum(map(len, tables)) <= SHED:
            self.shed()

    def shed(self, count: int = SHED) -> bool:
        """Give up some; whether there is more."""
        tables = self._tables
        while tables:
            table = tables[0]
            while table:
                if not count:
                    return True
                count -= 1
                self._last(table.popitem()[1] if isinstance(table, dict) else table.pop())
            tables.popleft()
        return False

    def __bool__(self) -> bool:
        return bool(self._tables)

    def __repr__(self) -> str:
        return f"<Leaving {len(self._tables)} tables>"

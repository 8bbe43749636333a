"""Those who wait for a row of a log. Pure.

Enters: futures of those who wait, and what was written. Leaves: the futures of its log resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.store.asked import Append, Extend, Write

if TYPE_CHECKING:
    import asyncio


class Waiters:
    """Those who wait for a row of a log, by its name."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def enter(self, log: str, future: asyncio.Future[None]) -> None:
        """``wake`` resolves ``future``. Whoever enters has to ``leave``."""
        self._waiting.setdefault(log, set()).add(future)

    def leave(self, log: str, future: asyncio.Future[None]) -> None:
        """No longer wait."""
        waiting = self._waiting.get(log)
        if waiting is not None:
            waiting.discard(future)
            if not waiting:
                del self._waiting[log]

    def __contains__(self, log: str) -> bool:
        return log in self._waiting

    def wake(self, log: str) -> None:
        """A row was written: nobody waits any more."""
        for future in self._waiting.pop(log, ()):
            if not future.done():
                future.set_result(None)

    def wake_for(self, batch: Sequence[Write]) -> None:
        """The rows among ``batch`` were written."""
        if self._waiting:
            for log in {write.log for write in batch if isinstance(write, Append | Extend)}:
                self.wake(log)

    def __repr__(self) -> str:
        return f"<Waiters of {sorted(self._waiting)}>"

"""Bytes of one flight, taken from the account in steps, so that a frame costs no reservation of its own. Pure.

Enters: how much is held now. Leaves: whether there is room for it. What was taken is given back by ``drop``.
"""

from __future__ import annotations

from penstock.coalesce.counts import Counts
from penstock.core.ports import Account

STEP_BYTES = 4 * 1024


class Hold:
    """See the module. ``size`` is what was taken; ``total`` bounds it over all flights."""

    __slots__ = ("_account", "_counts", "_total", "size")

    def __init__(self, account: Account, counts: Counts, total: int) -> None:
        self._account = account
        self._counts = counts
        self._total = total
        self.size = 0

    def grow(self, needed: int, most: int) -> bool:
        """Take what makes room for ``needed`` bytes, and some more; False where that is not to be had."""
        if needed > most:
            return False
        more = min(max(needed, self.size + self.size // 2 + STEP_BYTES), most) - self.size
        if self._counts.kept + more > self._total or not self._account.reserve(more):
            more = needed - self.size
            if self._counts.kept + more > self._total or not self._account.reserve(more):
                return False
        self._counts.kept += more
        self.size += more
        return True

    def drop(self) -> None:
        """Give all back."""
        size, self.size = self.size, 0
        if size:
            self._counts.kept -= size
            self._account.release(size)

    def __repr__(self) -> str:
        return f"<Hold {self.size}B>"

"""The journal room: leaves a note of every call that showed a key, however it ends.

Enters: an exchange with a known caller. Leaves: the same; the row is written when it finishes. Never fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import ClassVar

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.journal.notes import Facts, Notes


class Journal:
    """See the module. ``allowed`` are the classifications whose bodies may be kept."""

    needs: ClassVar[frozenset[str]] = frozenset({"head", "caller"})
    gives: ClassVar[frozenset[str]] = frozenset({"row"})

    def __init__(self, notes: Notes, allowed: Collection[str]) -> None:
        self._notes = notes
        self._ended = self.note  # bound once
        self._allowed = frozenset(name.strip().lower() for name in allowed)

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        exchange.defer(self._ended)
        return next(exchange)

    def note(self, exchange: Exchange) -> None:
        """Write the row of a finished exchange."""
        call = exchange.call
        facts = call.memo.get(self)
        if facts is None:
            facts = call.memo[self] = Facts(call, self._allowed)
        self._notes.note(exchange, facts)

"""The observe room: outermost, so that every exchange is counted, timed and remembered, however it ends.

Enters: an exchange. Leaves: the same; the work is done when it finishes. Never fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.observe.board import Board
from penstock.observe.recent import Recent


class Observe:
    """See the module. ``log`` takes a line for each call, or for each that went wrong; None for no log."""

    needs = frozenset({"head"})
    gives = frozenset({"record"})

    def __init__(self, board: Board, recent: Recent, log: Callable[[Exchange], None] | None) -> None:
        self._board = board
        self._recent = recent
        self._log = log

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        self._board.in_flight += 1
        exchange.defer(self._finish)
        return next(exchange)

    def _finish(self, exchange: Exchange) -> None:
        board = self._board
        board.in_flight -= 1
        board.record(exchange)
        self._recent.add(exchange)
        if self._log is not None:
            self._log(exchange)

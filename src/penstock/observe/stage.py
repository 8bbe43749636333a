"""The observe room: outermost, so that every exchange is counted, timed and remembered, however it ends.

Enters: an exchange. Leaves: the same; the work is done when it finishes. Never fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.observe.board import Board


class Observe:
    """See the module. ``take`` is given each call as it ends, ``log`` too, for a line for each, or for each that went
    wrong; None for no log. One call in ``every`` (0: none) goes through ``timed`` instead of the room below, which
    notes when it enters each. ``trace`` begins its trace, None while nobody traces."""

    needs: ClassVar[frozenset[str]] = frozenset({"head"})
    gives: ClassVar[frozenset[str]] = frozenset({"record"})

    def __init__(
        self,
        board: Board,
        take: Callable[[Exchange], None],
        log: Callable[[Exchange], None] | None,
        every: int = 0,
        timed: Next | None = None,
        trace: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._board = board
        self._take = take
        self._log = log
        self._every = 0 if timed is None else every
        self._until = 1
        self._timed = timed
        self._trace = trace
        self._end = self._finish  # bound once

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        self._board.in_flight += 1
        if self._trace is not None:
            self._trace(exchange)
        exchange.defer(self._end)
        if self._every:
            self._until -= 1
            if not self._until:
                self._until = self._every
                exchange.rooms = []
                return (self._timed or next)(exchange)
        return next(exchange)

    def _finish(self, exchange: Exchange) -> None:
        board = self._board
        board.in_flight -= 1
        if exchange.outcome == "left" or exchange.failures is not None or exchange.hedge is not None:
            board.note(exchange)
        self._take(exchange)
        if self._log is not None:
            self._log(exchange)

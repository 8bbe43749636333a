"""Boards for tests: calls counted as the observe room has them counted."""

from penstock.core.exchange import Exchange
from penstock.core.finished import record
from penstock.core.sheaves import sheaves
from penstock.observe.board import Board


def count(board: Board, *calls: Exchange) -> Board:
    """``board``, which has counted ``calls``."""
    for call in calls:
        board.note(call)
    board.take(sheaves([record(call, 0.0) for call in calls]))
    return board

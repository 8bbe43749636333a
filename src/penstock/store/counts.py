"""What one worker asked of its store, by operation and what came of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.store.asked import OPERATION, Add, Mark, Once, Write, count_of

OPERATIONS = ("get", "put", "delete", "scan", "append", "read", "last", "add", "once")
RESULTS = ("ok", "none", "full", "large", "lost", "away", "damaged")
"""``none``: nothing was there. Lost writes: ``full`` (the queue), ``large``, ``lost`` (the store could not take it). A
read of a store that is ``away`` found nothing; of a ``damaged`` record neither."""
LOST = ("full", "large", "lost")


class Counts:
    """Counted on the loop's thread only."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, operation: str, result: str, number: int = 1) -> None:
        """``number`` operations had ``result``."""
        self._counts[operation, result] += number

    @property
    def lost(self) -> int:
        """Writes that never reached the store."""
        return sum(number for (_, result), number in self._counts.items() if result in LOST)

    def rows(self) -> list[list[Any]]:
        """As plain values: operation, result, number."""
        return [[operation, result, number] for (operation, result), number in sorted(self._counts.items())]

    def __repr__(self) -> str:
        return f"<Counts {self._counts.total()} operations, {self.lost} lost>"


def settle(counts: Counts, batch: Sequence[Write], results: Sequence[Any] | OSError) -> None:
    """Count what came of ``batch``, and answer those who wait for it."""
    failed = isinstance(results, OSError)
    for index, write in enumerate(batch):
        if isinstance(write, Add | Once | Mark) and not write.reply.done():
            if isinstance(results, OSError) and not isinstance(write, Mark):
                write.reply.set_exception(results)
            elif isinstance(write, Mark):
                write.reply.set_result(not failed)
            elif not isinstance(results, OSError):
                write.reply.set_result(results[index])
        if not isinstance(write, Mark):
            counts.note(OPERATION[type(write)], "lost" if failed else "ok", count_of(write))

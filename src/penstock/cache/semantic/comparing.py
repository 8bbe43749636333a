"""Whether two answers to a question say the same: by their texts, else by the judge. Pure but for what it awaits.

Enters: two texts. Leaves: True, False, or None where nobody can tell. May fail: not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from penstock.cache.semantic.judge import Judge
from penstock.cache.semantic.tally import Tally
from penstock.core.exchange import Exchange
from penstock.core.ports import Next

Compare = Callable[[str, str], "bool | None"]
"""By the texts alone."""


class Payer(NamedTuple):
    """Who pays for what is asked of the judge, and the rooms that it is asked through."""

    exchange: Exchange
    next: Next


class Comparing:
    """See the module. ``judge`` None: what the texts do not tell, nobody can."""

    def __init__(self, compare: Compare, judge: Judge | None, tally: Tally, now: Callable[[], float]) -> None:
        self._compare = compare
        self.judge = judge
        self._tally = tally
        self._now = now

    def texts(self, first: str | None, second: str | None) -> bool | None:
        """By the texts alone."""
        equal = None if first is None or second is None else self._compare(first, second)
        self._tally.compared(equal)
        return equal

    async def equal(
        self, payer: Payer, question: str, first: str | None, second: str | None, *, urgent: bool = False
    ) -> bool | None:
        """By the texts, else by the judge."""
        equal = self.texts(first, second)
        return equal if equal is not None else await self.judged(payer, question, first, second, urgent=urgent)

    async def judged(
        self, payer: Payer, question: str, first: str | None, second: str | None, *, urgent: bool
    ) -> bool | None:
        """By the judge alone."""
        if self.judge is None or first is None or second is None:
            return None
        fork = payer.exchange.fork
        return await self.judge.says(fork, payer.next, question, first, second, self._now(), urgent=urgent)

    def __repr__(self) -> str:
        return f"<Comparing, {self.judge!r}>"

"""The port between the room and a cache that finds answers to similar questions. Without one the room is exact only.

The room asks it after an exact miss, on the path of a call: ``question`` decides at once, ``find`` may wait (an
embedding) but not long: a miss delays the call by the lookup. The rest is told afterwards and must not wait. Nothing of
it may raise for a question that it does not like: that is a miss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from penstock.cache.entry import Answer, Entry
from penstock.cache.policy import Plan, Terms
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.wire.asked import Asked


@dataclass(frozen=True, slots=True)
class Found:
    """An entry whose answer fits the question too. ``shadow``: the upstream is to answer as well, so that the two can
    be compared: in the background (``check``), and the caller is told this answer at once; or, if ``inline``, the
    caller is told what the upstream says, and ``stored`` compares."""

    entry: Entry
    similarity: float
    confidence: float = 1.0
    shadow: bool = False
    inline: bool = False


@dataclass(slots=True)
class Looked:
    """One question on its way down, and what was found that is told only if the upstream says the same. ``similar``:
    the question as the semantic cache knows it; None where that has nothing to do with it."""

    plan: Plan
    terms: Terms
    asked: Asked
    next: Next
    at: float
    similar: object | None
    found: Found | None = None


class Semantic(Protocol):
    """See the module."""

    def question(self, exchange: Exchange, asked: Asked, known: bytes, pattern: str) -> object | None:
        """The question as it is looked for; None where only an equal call may be answered alike. ``known``: all of it
        but its body (``wire.asked.prefix``); ``pattern``: the configured entry that serves its model."""

    async def find(self, exchange: Exchange, next: Next, question: object) -> Found | None:
        """An entry to answer with; None for a miss. Its answer is fetched by the room: one that is gone is a miss."""

    def check(self, exchange: Exchange, next: Next, question: object, found: Found, *, told: bool) -> None:
        """An answer that is to be checked was told; ``told`` False: it could not be, and nothing is to be checked."""

    def stored(
        self, exchange: Exchange, next: Next, question: object, entry: Entry, answer: Answer, found: Found | None
    ) -> None:
        """A new answer is about to be kept as ``entry``, which may still be given its partition and group here.
        ``found`` is what was found and not told: the two answers can now be compared."""

    def unkept(self, entry: Entry) -> None:
        """It was not kept after all."""

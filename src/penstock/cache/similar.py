"""The port between the room and a cache that finds answers to similar questions. Without one the room is exact only.

The room asks it after an exact miss, on the path of a call: ``eligible`` decides at once, ``find`` may wait (an
embedding) but not long: a miss delays the call by the lookup. ``stored`` and ``missed`` are told afterwards and must
not wait. Nothing of it may raise for a question that it does not like: that is a miss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from penstock.cache.entry import Answer, Entry
from penstock.core.exchange import Exchange
from penstock.wire.asked import Asked


@dataclass(frozen=True, slots=True)
class Found:
    """An entry whose answer fits the question too. ``shadow``: the upstream is to answer all the same, so that the two
    can be compared; ``told`` is what ``compare`` is handed back then."""

    entry: Entry
    similarity: float
    confidence: float = 1.0
    shadow: bool = False
    told: object = None


class Semantic(Protocol):
    """See the module."""

    def eligible(self, exchange: Exchange, asked: Asked) -> bool:
        """Whether the question may be answered by the answer to another one. Decides at once."""

    async def find(self, exchange: Exchange, asked: Asked) -> Found | None:
        """An entry to answer with; None for a miss. Its answer is fetched by the room: one that is gone is a miss."""

    def stored(self, exchange: Exchange, asked: Asked, entry: Entry, answer: Answer, found: Found | None) -> None:
        """A new answer to ``asked`` is kept as ``entry``, which may still be given its partition and group here, before
        it is written. ``found`` is what a shadow check had found: the two answers can now be compared."""

    def missed(self, exchange: Exchange, asked: Asked, answer: Answer | None, found: Found | None) -> None:
        """The question was answered by the upstream, and the answer is not kept; None where it was none to keep."""

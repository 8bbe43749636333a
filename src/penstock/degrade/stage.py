"""The degrade rooms: under load calls are given less, so that more of them are answered at all.

Enters: a peeked call. ``Degrade`` decides, above the cache, what it may have to do without, and lets the cache tell an
older answer. What no kept answer has spared goes on, below the cache, through ``Lessen``: with a lower limit on
tokens, or as a call of another model. Both leave the reply of the rooms below and fail as they do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.degrade.counts import Counts
from penstock.degrade.ladder import Ladder, Relief
from penstock.degrade.lesser import lesser

FIELD: Final = b"x-penstock-degrade"
_NO: Final[tuple[bytes, ...]] = (b"no", b"off", b"never", b"false", b"0")

Fits = Callable[[Call, str], bool]
"""Whether a model is known to lack nothing that a call needs."""


class Degrade:
    """See the module. ``load`` and ``level`` tell how full the gateway is."""

    needs: ClassVar[frozenset[str]] = frozenset({"peek"})
    gives: ClassVar[frozenset[str]] = frozenset({"relief"})

    def __init__(
        self,
        ladder: Ladder,
        load: Callable[[], float],
        level: Callable[[], int],
        now: Callable[[], float],
        counts: Counts,
    ) -> None:
        self._ladder = ladder
        self._load = load
        self._level = level
        self._now = now
        self._counts = counts
        self._counting = self._count  # bound once

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        ladder = self._ladder
        relief = ladder.reliefs(self._load(), self._level(), self._now())[exchange.priority]
        self._counts.on = ladder.on
        if relief is None:
            return next(exchange)
        if (exchange.call.header(FIELD) or b"").strip().lower() in _NO:
            self._counts.opted_out += 1
            return next(exchange)
        exchange.stale = relief.cache_ttl
        exchange.relief = relief
        exchange.defer(self._counting)
        return next(exchange)

    def _count(self, exchange: Exchange) -> None:
        if exchange.degraded:
            self._counts.note(exchange.degraded, exchange.priority)

    def __repr__(self) -> str:
        return f"<Degrade {self._ladder!r}>"


class Lessen:
    """See the module. ``fits`` tells whether a model can take a call over."""

    needs: ClassVar[frozenset[str]] = frozenset({"relief", "body"})
    gives: ClassVar[frozenset[str]] = frozenset({"lesser"})

    def __init__(self, fits: Fits) -> None:
        self._fits = fits

    def __call__(self, exchange: Exchange, next: Next) -> Awaitable[Reply]:
        relief: Relief | None = exchange.relief
        if relief is None:
            return next(exchange)
        call = exchange.call
        model = relief.model if relief.model and self._fits(call, relief.model) else ""
        found = lesser(call, relief, model)
        if found is not None:
            exchange.call, told = found
            if exchange.asked is not False:
                exchange.asked = None  # it asks for something else now: rooms below must not take it for what it was
            for what in told:
                exchange.note_degraded(what)
        return next(exchange)

    def __repr__(self) -> str:
        return "<Lessen>"

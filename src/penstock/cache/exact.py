"""The cache room where equal calls alone are looked for: without a coroutine of its own on the way down.

Enters, leaves and fails as ``stage.Cache`` does. Nearly every call that may be cached is a miss, and pays for the look:
so it is decided at once, and what comes after is left to the room that it is.
"""

from __future__ import annotations

from collections.abc import Awaitable

from penstock.cache.entry import Entry
from penstock.cache.policy import Plan, Terms
from penstock.cache.similar import Looked
from penstock.cache.stage import Cache
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply
from penstock.wire.asked import Asked, asked_under


class ExactCache(Cache):
    """See the module."""

    def _look(  # type: ignore[override]  # it is only awaited
        self, exchange: Exchange, next: Next, plan: Plan, terms: Terms, takes: bool
    ) -> Awaitable[Reply]:
        shelf = self._shelf
        began = self._now()
        prefix = plan.prefixes.get((shelf.secret, exchange.key, terms.bound))
        question = self._ask(exchange, plan, terms) if prefix is None else asked_under(exchange.call, prefix) or False
        if not self._wide:  # else rooms below would take equal calls of two keys for one
            exchange.asked = question
        if not isinstance(question, Asked) or not terms.takes_asked(question):
            return self._pass(exchange, next, plan)
        looked = Looked(plan, terms, question, next, shelf.wall(), None)
        if plan.mode != "refresh":
            entry = shelf.directory.find(question.digest, looked.at, exchange.stale)
            if entry is not None:
                return self._found(exchange, looked, entry, began)
            shelf.counts.missed += 1
            shelf.counts.exact.note(self._now() - began)
        if plan.mode == "only":
            raise self._absent("no answer to this call is kept")
        exchange.cache = "miss"
        if self._writers and exchange.key not in self._writers:
            return next(exchange)  # whose answers are not kept
        return self._record(exchange, looked)

    async def _found(self, exchange: Exchange, looked: Looked, entry: Entry, began: float) -> Reply:
        """There is an entry; its answer may still be gone."""
        reply = await self._hit(exchange, entry, looked.terms, None)
        self._shelf.counts.exact.note(self._now() - began)
        if reply is not None:
            return reply
        self._shelf.counts.missed += 1
        if looked.plan.mode == "only":
            raise self._absent("no answer to this call is kept")
        exchange.cache = "miss"
        return await self._record(exchange, looked)
